"""A training step as one CUDA graph: hundreds of small kernels, recorded once and then started by a single launch."""

from collections.abc import Callable

import torch
from torch import Tensor

from baselines.contract import Capture
from baselines.memory import lacks_memory

EAGER = 3
"""Iterations before the capture. They make what must not be made in it: Adam's state, the libraries' workspaces."""


class CapturedStep:
    """Runs a static step on buffers of its own: the first times directly, then captured, where it may be.

    Everything happens on the current stream, so a caller that wants the capture brings a stream other than the default
    one. Where a capture fails, this step and those that share its `Capture` are run directly from then on.
    """

    def __init__(
        self, step: Callable[[dict[str, Tensor]], Tensor], capture: Capture, say: Callable[[str], None]
    ) -> None:
        """Prepare; a wanted capture needs CUDA, and `say` is told where it is not to be had."""
        self.step, self.capture, self.say = step, capture, say
        self.graph: torch.cuda.CUDAGraph | None = None
        self._inputs: dict[str, Tensor] = {}
        self._losses = torch.empty(0)
        self._done = 0

    def __call__(self, inputs: dict[str, Tensor]) -> Tensor:
        """Train one iteration and give its losses (n,), good until the next one. Inputs keep their shapes."""
        if not self._inputs:
            self._inputs = {name: torch.empty_like(value) for name, value in inputs.items()}
        for name, value in inputs.items():
            self._inputs[name].copy_(value)
        if self.capture.wanted and self._done == EAGER:
            self._record()
        self._done += 1
        if self.graph is None:
            return self.step(self._inputs)
        self.graph.replay()
        return self._losses

    def _record(self) -> None:
        """Record the step without running it, in memory that belongs to this graph alone."""
        if self.capture.trouble is None:
            try:
                graph = torch.cuda.CUDAGraph()
                with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
                    self._losses = self.step(self._inputs)
                self.graph = graph
            except RuntimeError as error:  # nothing has been run: the iteration can still be done directly
                lacking, ended_well = lacks_memory(error), error.__context__ is None
                if not (lacking and ended_well):  # the allocator keeps hold of the graph, and asks it in other captures
                    self.capture.trouble = _cause(error)
                if lacking:
                    raise
        if self.capture.trouble is not None:
            self.say(f"not captured in a CUDA graph: {self.capture.trouble}")


def _cause(error: BaseException) -> str:
    """Give the first line of the error that came first: ending the capture after it raises another."""
    while error.__context__ is not None:
        error = error.__context__
    return f"{type(error).__name__}: {error}".splitlines()[0]
