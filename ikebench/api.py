"""What people do in a notebook: degrade, restore, score, and look at scores. Images are uint8 (H, W, 3) RGB arrays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from degradations.contract import SCALES, Degraded, is_imported
from ikebench.catalog import check_parameters, kind_class, method_class, uses
from ikebench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from baselines.contract import Precision

Image = NDArray[np.uint8]
Kernel = NDArray[np.float64]

PRECISIONS = ("fp32", "tf32", "bf16")

__all__ = [
    "Degraded",
    "Restoration",
    "degrade",
    "degrade_with_kernel",
    "load_scores",
    "restore",
    "restore_with_kernel",
    "score",
]


@dataclass(frozen=True)
class Restoration:
    """What a method made of an LR image.

    Attributes:
        sr: (s h, s w, 3) uint8.
        kernel: (n, n) float64, sum 1, applied by correlation, where the method estimates one.
        note: what a reader of the result should know, or "".
    """

    sr: Image
    kernel: Kernel | None
    note: str


def degrade(hr: Image, kind: str, *, scale: int = 2, seed: int = 0, **parameters: Any) -> Image:  # noqa: ANN401
    """Make an LR image.

    Args:
        hr: (H, W, 3) uint8; cut at the bottom and right to multiples of `scale`.
        kind: `ikebench list kinds`: median, bilateral, anisotropic, random, gaussian, bicubic.
        scale: how many times smaller: 2, 3 or 4.
        seed: of what is random in the degradation (NumPy's PCG64). `ikebench make-data` derives one for each image
            from its name.
        parameters: of the degradation, where they differ from the defaults (`ikebench list kinds median`).

    Returns:
        (H / s, W / s, 3) uint8.

    Raises:
        UserError: for an unknown kind or parameter.
        ValueError: for another array, scale or value than these.
    """
    return degrade_with_kernel(hr, kind, scale=scale, seed=seed, **parameters).lr


def degrade_with_kernel(
    hr: Image,
    kind: str,
    *,
    scale: int = 2,
    seed: int = 0,
    **parameters: Any,  # noqa: ANN401
) -> Degraded:
    """Make an LR image; gives also the kernel that made it, where the degradation is linear. As `degrade`."""
    from degradations.resample import cut_to_multiple

    if is_imported(kind_class(kind)):
        raise UserError(f"{kind} is a set of files, not a degradation to apply: `ikebench make-data --kind {kind}`")
    _check_image("hr", hr)
    _check_scale(scale)
    _check_seed(seed, 64)
    degradation = _configured(kind_class(kind), kind, parameters)
    return degradation(cut_to_multiple(hr, scale), scale, np.random.Generator(np.random.PCG64(seed)))


def restore(  # noqa: PLR0913 (what a training takes)
    lr: Image,
    method: str,
    *,
    scale: int = 2,
    seed: int = 0,
    device: str = "auto",
    precision: "Precision" = "fp32",
    kernel: Kernel | None = None,
    weights: str | Path | None = None,
    progress: bool = False,
    **hyperparameters: Any,  # noqa: ANN401
) -> Image:
    """Super-resolve an LR image: train on it, where the method does, and upscale it.

    Args:
        lr: (h, w, 3) uint8.
        method: `ikebench list methods`: ike, dualsr, zssr, kernelgan-zssr, bicubic, ...
        scale: how many times larger.
        seed: of the training. `ikebench run` derives one for each image from its name.
        device: auto, cpu, cuda or cuda:N.
        precision: of the networks: fp32, bf16 or, on NVIDIA's GPUs, tf32.
        kernel: (n, n) float64, the true kernel, for those methods that know it (zssr-gt).
        weights: a file of trained weights, for those methods that need some.
        progress: show how far the training has come on stderr.
        hyperparameters: of the method, where they differ from the defaults: `iterations=500`.

    Returns:
        (s h, s w, 3) uint8.

    Raises:
        UserError: for an unknown method, hyperparameter or device.
        ValueError: for another array or value than these, or an image too small for the method.
        FloatingPointError: if the training diverges.
    """
    return restore_with_kernel(
        lr,
        method,
        scale=scale,
        seed=seed,
        device=device,
        precision=precision,
        kernel=kernel,
        weights=weights,
        progress=progress,
        **hyperparameters,
    ).sr


def restore_with_kernel(  # noqa: PLR0913 (as `restore`)
    lr: Image,
    method: str,
    *,
    scale: int = 2,
    seed: int = 0,
    device: str = "auto",
    precision: "Precision" = "fp32",
    kernel: Kernel | None = None,
    weights: str | Path | None = None,
    progress: bool = False,
    **hyperparameters: Any,  # noqa: ANN401
) -> Restoration:
    """Super-resolve an LR image; gives also the kernel that the method estimated, where it does. As `restore`."""
    import torch

    from baselines.contract import Task
    from ikebench import devices, machine
    from ikebench.run.results import to_image

    _check_image("lr", lr)
    _check_seed(seed, 63)  # torch's generators take signed ones
    configured = _configured(method_class(method), method, hyperparameters)
    if scale not in configured.scales:
        raise ValueError(f"{method} does x{', x'.join(map(str, configured.scales))}, not x{scale}")
    _check_kernel(method, configured, kernel)
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, not '{precision}'")
    chosen = torch.device(machine.available(device)[0])
    if precision == "tf32" and chosen.type == "cpu":
        raise ValueError("tf32 is arithmetic of NVIDIA's GPUs, and there is none here: use fp32 or bf16")
    devices.set_arithmetic(chosen, precision)
    image = torch.from_numpy(np.ascontiguousarray(lr)).permute(2, 0, 1)[None].to(chosen).float() / 255
    with _shown(method, progress) as show:
        task = Task(image, seed, kernel, _read_weights(configured, method, weights), progress=show)
        [restored] = configured([task], scale, precision)
    return Restoration(to_image(restored.sr, image.shape, scale), restored.kernel, restored.note)


def score(sr: Image, hr: Image, *, scale: int) -> dict[str, float]:
    """Score an SR image under every protocol, and say how far it lies beside its HR.

    Args:
        sr: (H, W, 3) uint8.
        hr: the same, or up to `scale` - 1 px larger: cut at the bottom and right to multiples of `scale`.
        scale: decides the shaved borders.

    Returns:
        `psnr_<protocol>` in dB and `ssim_<protocol>` for ike, dualsr and ntire17; `shift_y`, `shift_x` in px and
        `psnr_registered` in dB. NaN where the image is too small.

    Raises:
        ValueError: for other arrays, or sizes that do not fit.
    """
    from degradations.resample import cut_to_multiple
    from ikebench.scoring.metrics import score_pair
    from ikebench.scoring.registration import register

    _check_image("hr", hr)
    _check_scale(scale)
    hr = np.ascontiguousarray(cut_to_multiple(hr, scale))
    return score_pair(sr, hr, scale) | register(sr, hr, scale)


def load_scores(workspace: str | Path = "bench") -> "pd.DataFrame":
    """Read the scores that `ikebench run` or `ikebench score` has written.

    Args:
        workspace: the folder, or a `scores.parquet`.

    Returns:
        One row per set, image, kind, scale, method and seed, with nullable columns; `status` is `ok` or `failed`.

    Raises:
        UserError: if there are none, or they cannot be read.
    """
    from ikebench.store.rows import ScoreRow
    from ikebench.store.tables import read_frame
    from ikebench.store.workspace import Workspace

    path = Path(workspace)
    path = path if path.suffix == ".parquet" else Workspace(path).scores_table
    if not path.exists():
        raise UserError(f"no scores in {workspace}: `ikebench run` or `ikebench score` makes them")
    return read_frame(path, ScoreRow)


def _configured(cls: Any, name: str, values: dict[str, Any]) -> Any:  # noqa: ANN401 (a kind or a method)
    check_parameters(cls, name, values)
    try:
        return replace(cls(), **values)
    except TypeError as error:  # a text where a number belongs, say
        raise ValueError(f"{name} cannot be made of {', '.join(f'{k}={v!r}' for k, v in values.items())}") from error


def _check_image(name: str, image: Any) -> None:  # noqa: ANN401 (whatever was given)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"{name} must be a uint8 array (H, W, 3), RGB, not {found}")


def _check_kernel(name: str, method: Any, kernel: Any) -> None:  # noqa: ANN401 (whatever was given)
    if ("kernel" in uses(method)) != (kernel is not None):
        raise ValueError(f"{name} {'has no use for a kernel' if kernel is not None else 'needs the true one'}: kernel=")
    if kernel is not None and (np.ndim(kernel) != 2 or np.asarray(kernel).dtype != np.float64):
        raise ValueError("kernel must be a float64 array (n, n)")


def _check_seed(seed: Any, bits: int) -> None:  # noqa: ANN401
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**bits:
        raise ValueError(f"seed must be a whole number from 0 to below 2^{bits}, not {seed!r}")


def _check_scale(scale: Any) -> None:  # noqa: ANN401
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(map(str, SCALES))}, not {scale!r}")


def _read_weights(method: Any, name: str, path: str | Path | None) -> Any:  # noqa: ANN401
    if "weights" not in uses(method):
        return None
    if path is None:
        raise ValueError(f"{name} needs trained weights: weights=FILE (`ikebench fetch {name}` gets some)")
    from baselines.weights import read_weights

    return read_weights(Path(path))


@contextmanager
def _shown(method: str, wanted: bool) -> Iterator[Callable[[int, int], None]]:
    """Give what shows (iterations done, in all) as a bar on stderr, where that is wanted."""
    from tqdm import tqdm

    with tqdm(desc=method, unit=" iterations", disable=not wanted) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
