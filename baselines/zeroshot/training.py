"""The one loop that trains every zero-shot method."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from baselines.contract import Capture, Precision, Task
from baselines.zeroshot.captured import CapturedStep
from baselines.zeroshot.turns import Course, in_turns

CHUNK = 50
"""Iterations whose inputs are drawn at once, and between two looks at whether the losses are finite."""


class Turn(NamedTuple):
    """A static step and what its losses are, where not all iterations are alike."""

    step: Callable[[dict[str, Tensor]], Tensor]
    loss_names: Sequence[str]


class Training(Protocol):
    """One image's training: networks, losses and schedule. The loop brings the rest.

    Optional: `turns`, a sequence of `Turn`, which iterations take one after the other, again and again; without it,
    `step` is every iteration's.
    """

    @property
    def iterations(self) -> int:
        """Iterations in all."""
        ...

    @property
    def networks(self) -> nn.Module:
        """Everything that is trained, for checkpoints."""
        ...

    @property
    def loss_names(self) -> Sequence[str]:
        """What the losses are, as `step` gives them."""
        ...

    @property
    def optimisers(self) -> Sequence[torch.optim.Optimizer]:
        """Their state goes into checkpoints too."""
        ...

    def draw(self, chunk: int) -> dict[str, Tensor]:
        """Give the inputs of iterations [chunk * CHUNK, (chunk + 1) * CHUNK), stacked along a first axis.

        Depends on the seed and `chunk` alone, so that a training resumed on its device sees the same crops and noise.
        """
        ...

    def step(self, inputs: dict[str, Tensor]) -> Tensor:
        """Train one iteration and give its losses (n,).

        Static, so that it can be captured in a CUDA graph: no branch on data, no look at a value, no tensor made on the
        host, nothing drawn at random.
        """
        ...


class TrainingRun:
    """A training and how far it has come."""

    def __init__(self, training: Training, task: Task) -> None:
        """Start, or go on where the task's checkpoint was saved."""
        self.training = training
        self.task = task
        self.iteration = 0
        self._drawn: tuple[int, dict[str, Tensor]] | None = None
        capture = task.capture if task.lr.is_cuda else Capture(wanted=False)
        turns = getattr(training, "turns", None) or [Turn(training.step, training.loss_names)]
        self._turns = [Turn(CapturedStep(step, capture, task.say), names) for step, names in turns]
        self._losses: dict[int, Tensor] = {}  # of every turn, as its last iteration found them
        self._diverged_at = torch.full((), -1, dtype=torch.long, device=task.lr.device)
        state = task.checkpoint.load() if task.checkpoint else None
        if state is not None:
            self._resume(state)

    def advance(self, until: int) -> None:
        """Train up to iteration `until`, this image alone.

        Raises:
            FloatingPointError: if a loss is not finite; names the iteration.
        """
        [outcome] = in_turns([self.chunks(until)], self.task.lr.device)
        if outcome is not None:
            raise outcome

    def chunks(self, until: int) -> Course[None]:
        """Train up to iteration `until`, with a pause after every chunk.

        Raises:
            FloatingPointError: if a loss is not finite; names the iteration.
        """
        while self.iteration < until:
            chunk, offset = divmod(self.iteration, CHUNK)
            inputs = self._draw(chunk)
            for index in range(offset, min(CHUNK, until - chunk * CHUNK)):
                turn = self.iteration % len(self._turns)
                losses = self._turns[turn].step({name: drawn[index] for name, drawn in inputs.items()})
                self._losses[turn] = losses
                self._watch(losses)
                self.iteration += 1
                self._trace()
                self.task.progress(self.iteration, self.training.iterations)
                self._checkpoint()
            yield
            self._raise_if_diverged()

    def _draw(self, chunk: int) -> dict[str, Tensor]:
        """Give a chunk's inputs; they are kept for the next call, which may go on in the same chunk."""
        if self._drawn is None or self._drawn[0] != chunk:
            self._drawn = (chunk, self.training.draw(chunk))
        return self._drawn[1]

    def _trace(self) -> None:
        """Record how far the training has come, where that is wanted."""
        trace = self.task.trace
        if trace is None or not (trace.wants(self.iteration) or self.iteration == self.training.iterations):
            return
        named: dict[str, float] = {}
        for turn, losses in self._losses.items():
            named |= zip(self._turns[turn].loss_names, losses.tolist(), strict=True)
        trace.record(self.iteration, named, getattr(self.training, "restore", None))

    def _watch(self, losses: Tensor) -> None:
        """Remember the first iteration with a loss that is not finite, without waiting for the device."""
        bad = ~torch.isfinite(losses).all() & (self._diverged_at < 0)
        self._diverged_at = torch.where(bad, self.iteration + 1, self._diverged_at)

    def _raise_if_diverged(self) -> None:
        diverged_at = int(self._diverged_at)
        if diverged_at >= 0:
            raise FloatingPointError(
                f"training diverged: a loss is not finite at iteration {diverged_at} of {self.training.iterations}"
            )

    def _checkpoint(self) -> None:
        checkpoint = self.task.checkpoint
        if checkpoint and self.iteration % checkpoint.every == 0 and self.iteration < self.training.iterations:
            self._raise_if_diverged()
            optimisers = [optimiser.state_dict() for optimiser in self.training.optimisers]
            networks = self.training.networks.state_dict()
            checkpoint.save({"iteration": self.iteration, "networks": networks, "optimisers": optimisers})

    def _resume(self, state: dict[str, Any]) -> None:
        self.training.networks.load_state_dict(state["networks"])
        for optimiser, saved in zip(self.training.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
            for group in optimiser.param_groups:  # of this device, not of the one where the state was saved
                group["capturable"] = group["lr"].is_cuda
        self.iteration = state["iteration"]


def chunk_span(chunk: int) -> slice:
    """Give the iterations of a chunk."""
    return slice(chunk * CHUNK, (chunk + 1) * CHUNK)


def chunk_generator(seed: int, chunk: int, device: torch.device, *stream: int) -> torch.Generator:
    """Give the random numbers of one chunk: of the seed, the chunk and, where there are several, the stream alone."""
    state = np.random.SeedSequence([seed, chunk, *stream]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))


def run_wide(network: Callable[[Tensor], Tensor], image: Tensor, precision: Precision) -> Tensor:
    """Run one of the wide networks, where reduced precision pays; everything else stays in float32."""
    with torch.autocast(image.device.type, torch.bfloat16, enabled=precision == "bf16"):
        return network(image).to(image.dtype)


def descend(loss: Tensor, *optimisers: torch.optim.Optimizer) -> None:
    """Step the optimisers down `loss`; only the gradients that they need are computed."""
    parameters = [p for optimiser in optimisers for group in optimiser.param_groups for p in group["params"]]
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    for parameter, gradient in zip(parameters, _laid_out_like(parameters, gradients), strict=True):
        parameter.grad = gradient
    for optimiser in optimisers:
        optimiser.step()


def _laid_out_like(parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Give the gradients with the strides of their parameters.

    Fused Adam walks through the memory of both in step: the channels-last gradients of channels-last convs would update
    the wrong weights. `backward` sees to this by itself, `autograd.grad` does not.
    """
    laid_out, copies, originals = list(gradients), list[Tensor](), list[Tensor]()
    for index, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
        if gradient is not None and gradient.stride() != parameter.stride():
            laid_out[index] = copy = torch.empty_like(parameter, requires_grad=False)
            copies.append(copy)
            originals.append(gradient)
    if copies:
        torch._foreach_copy_(copies, originals)
    return laid_out


def adam(parameters: Any, betas: tuple[float, float]) -> torch.optim.Adam:  # noqa: ANN401 (torch's own parameter type)
    """Adam whose learning rate is a tensor on the device, so that a captured step can follow a schedule."""
    parameters = list(parameters)
    rate = parameters[0].new_zeros(())
    return torch.optim.Adam(parameters, lr=rate, betas=betas, fused=True, capturable=rate.is_cuda)


def decayed_rate(start: float, decay: float, every: int, iterations: Tensor) -> Tensor:
    """Give the learning rate of iterations (n,) that is multiplied by `decay` after every `every`: (n,) float64."""
    return start * decay ** (iterations // every).double()


def set_learning_rate(rate: Tensor, *optimisers: torch.optim.Optimizer) -> None:
    """Write `rate` () into the learning rate of the optimisers, on the device."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"].copy_(rate)
