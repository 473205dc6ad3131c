"""When a GPU's memory is too small."""

SIGNS = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


def lacks_memory(error: BaseException) -> bool:
    """Say whether an error, or one that it hides, is a lack of GPU memory: torch and its libraries say it variously.

    A lack of memory in the middle of a CUDA graph's capture, say, is hidden by the error of ending the capture.
    """
    if isinstance(error, RuntimeError):
        import torch  # here, where it mostly is already: who asks may be planning, without torch

        if isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in SIGNS):
            return True
    return error.__context__ is not None and lacks_memory(error.__context__)
