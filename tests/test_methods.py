"""What every method of the catalog promises, whatever it is."""

from dataclasses import fields, replace

import numpy as np
import pytest
import skimage.data
import torch

from baselines.contract import Restored, Task
from baselines.normalisation import Normalisation
from degradations.resample import bicubic_kernel
from ikebench.catalog import METHODS, method_class, uses

# Where a method has such a field.
SMALL = {"iterations": 2, "blocks": 2, "width": 8, "growth": 8, "u_width": 8, "groups": 2, "reduction": 4}
FIXED = {"ike": ("blocks",), "ike-release": ("blocks",)}  # fields of that name with another meaning

CASES = [pytest.param(name, scale, id=f"{name}-x{scale}") for name in METHODS for scale in method_class(name).scales]


def photo(height=48, width=48, gray=False):
    pixels = skimage.data.astronaut()[60 : 60 + height, 180 : 180 + width]
    if gray:
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def small(name):
    """The method with its smallest networks and trainings."""
    cls = method_class(name)
    known = {field.name for field in fields(cls)} - set(FIXED.get(name, ()))
    return cls(**{field: value for field, value in SMALL.items() if field in known})


def task(method, scale, lr, seed=0):
    """A task with everything that the method needs."""
    made = Task(lr, seed=seed)
    if "kernel" in uses(method):
        made = replace(made, kernel=bicubic_kernel(scale))
    if "weights" in uses(method):
        torch.manual_seed(0)
        made = replace(made, weights=method.build(scale, Normalisation(1)).state_dict())
    return made


def restore(name, scale, lr, seed=0):
    method = small(name)
    [restored] = method([task(method, scale, lr, seed)], scale)
    return restored


@pytest.mark.parametrize(("name", "scale"), CASES)
def test_a_tiny_image_gives_an_image_of_the_right_kind(name, scale):
    lr = photo(48, 51)
    before = lr.clone()
    restored = restore(name, scale, lr)
    assert isinstance(restored, Restored)
    assert restored.sr.shape == (1, 3, 48 * scale, 51 * scale) and restored.sr.is_floating_point()
    assert not restored.sr.requires_grad and torch.isfinite(restored.sr).all()
    if method_class(name).supervision != "supervised":  # random weights give anything
        assert restored.sr.min() > -1 and restored.sr.max() < 2
        assert (restored.sr.mean() - lr.mean()).abs() < 0.35
    assert torch.equal(lr, before)
    if restored.kernel is not None:
        assert restored.kernel.dtype == np.float64 and restored.kernel.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", METHODS)
def test_equal_seeds_give_equal_images_and_others_differ(name):
    scale = method_class(name).scales[0]
    first = restore(name, scale, photo(), seed=3).sr
    torch.manual_seed(1)  # the global generator plays no part
    np.random.seed(1)
    assert torch.equal(restore(name, scale, photo(), seed=3).sr, first)
    trains = method_class(name).supervision == "zero-shot"
    assert torch.equal(restore(name, scale, photo(), seed=4).sr, first) != trains


@pytest.mark.parametrize("name", METHODS)
def test_a_gray_image_works(name):
    scale = method_class(name).scales[0]
    sr = restore(name, scale, photo(gray=True)).sr
    assert sr.shape == (1, 3, 48 * scale, 48 * scale) and torch.isfinite(sr).all()


@pytest.mark.parametrize("name", METHODS)
def test_a_flat_image_works(name):
    scale = method_class(name).scales[0]
    sr = restore(name, scale, torch.full((1, 3, 48, 48), 0.5)).sr
    assert torch.isfinite(sr).all()


@pytest.mark.parametrize("name", [name for name in METHODS if method_class(name).supervision == "zero-shot"])
def test_an_image_that_is_too_small_is_refused_in_one_line(name):
    with pytest.raises(ValueError, match=r"the LR image is 9x8 px; .* needs \d+ px on each side"):
        restore(name, 2, photo(8, 9))
