"""A training step as one CUDA graph: hundreds of small kernels, recorded once and then started by a single launch."""

from collections.abc import Callable

import torch
from torch import Tensor

EAGER = 3
"""Iterations before the capture. They make what must not be made in it: Adam's state, the libraries' workspaces."""


class CapturedStep:
    """Runs a static step on buffers of its own: the first times directly, then captured, where it may be.

    Everything happens on the current stream, so a caller that wants the capture brings a stream other than the default
    one. Where the capture fails, the step goes on being run directly.
    """

    def __init__(
        self, step: Callable[[dict[str, Tensor]], Tensor], *, capture: bool, say: Callable[[str], None]
    ) -> None:
        """Prepare; `capture` needs CUDA, and `say` is told if it fails."""
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
        if self.capture and self._done == EAGER:
            self._record()
        self._done += 1
        if self.graph is None:
            return self.step(self._inputs)
        self.graph.replay()
        return self._losses

    def _record(self) -> None:
        """Record the step without running it, in memory that belongs to this graph alone."""
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, stream=torch.cuda.current_stream()):
                self._losses = self.step(self._inputs)
            self.graph = graph
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:  # nothing has been run: the iteration can still be done directly
            self.say(f"not captured in a CUDA graph: {str(error).strip().splitlines()[0]}")
