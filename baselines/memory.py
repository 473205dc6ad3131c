"""When a GPU's memory is too small."""

import traceback
from collections.abc import Iterator

SIGNS = (
    "out of memory",  # the CUDA runtime, and torch's own allocator
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",  # cuDNN 8
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",  # cuDNN 9
    "CUFFT_ALLOC_FAILED",
)


def lacks_memory(error: BaseException) -> bool:
    """Say whether an error, or one that it hides, is a lack of GPU memory: torch and its libraries say it variously.

    A lack of memory in the middle of a CUDA graph's capture, say, is hidden by the error of ending the capture.
    """
    return any(_says_so(one) for one in _chain(error))


def let_go(error: BaseException) -> None:
    """Drop what an error's frames hold, and those of the errors that it hides: the activations of a failed step, say.

    They would live as long as the error is kept, and with them the memory that the next try needs.
    """
    for one in _chain(error):
        traceback.clear_frames(one.__traceback__)


def _says_so(error: BaseException) -> bool:
    if not isinstance(error, RuntimeError):
        return False
    import torch  # here, where it mostly is already: who asks may be planning, without torch

    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in SIGNS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an error, those that it was raised from and those that were being handled, each once."""
    seen: dict[int, BaseException] = {}
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen[id(one)] = one
            yield one
            waiting += [one.__cause__, one.__context__]
