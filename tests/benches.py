"""A finished workspace of all that there can be: kernels, true and estimated, traces, several methods and kinds."""

import numpy as np
import pytest
import skimage.data

from ikebench.cli import main
from ikebench.images import write_png


def command(*words):
    """Run a command in this process; gives its exit code."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    return stop.value.code


def make_bench(folder):
    """Two photographs, one kind with kernels and one without, two methods, traces; gives the workspace."""
    for name, image in {
        "cat": skimage.data.chelsea()[60:148, 90:186],
        "cup": skimage.data.coffee()[150:234, 200:292],
    }.items():
        write_png(folder / f"photos/{name}.png", np.ascontiguousarray(image))
    bench = folder / "bench"
    here = ("--workspace", bench, "--workers", 1)
    assert command("make-data", "--hr", folder / "photos", "--kind", "median,gaussian", *here) == 0
    run = ("run", "--methods", "bicubic,kernelgan-zssr", "--iterations", 3, "--set", "kernelgan-zssr.crop=52")
    assert command(*run, "--trace", 1, *here) == 0
    return bench
