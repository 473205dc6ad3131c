"""Kernels on disk: true ones of degradations, and those that methods estimated. float64, (n, n), `.npy`."""

import io
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ikebench.files import write_atomic


def write_kernel(path: Path, kernel: NDArray[np.float64]) -> str:
    """Write a kernel whole or not at all; gives the SHA-256 of the file."""
    buffer = io.BytesIO()
    np.save(buffer, kernel)
    data = buffer.getvalue()
    write_atomic(path, data)
    return sha256(data).hexdigest()


def write_matlab(path: Path, kernel: NDArray[np.float64]) -> None:
    """Write a kernel as MATLAB reads it: variable `Kernel`."""
    from scipy.io import savemat  # half a second that most runs do not need

    buffer = io.BytesIO()
    savemat(buffer, {"Kernel": kernel})  # type: ignore[arg-type]  # the stubs miss file objects
    write_atomic(path, buffer.getvalue())


def read_kernel(root: Path, path: str, expected_sha256: str | None, remedy: str) -> NDArray[np.float64]:
    """Read a kernel at a path relative to a workspace.

    Raises:
        OSError: if the file is not there as it was written; says what to do, the `remedy`.
    """
    try:
        data = (root / path).read_bytes()
    except FileNotFoundError:
        data = b""
    if sha256(data).hexdigest() != expected_sha256:
        raise OSError(f"{path} is not as it was written: {remedy}")
    return np.load(io.BytesIO(data))
