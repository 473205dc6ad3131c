"""Seeds: exact values, so that data sets stay the same from release to release."""

import numpy as np

from ikebench.seeds import derive_seed, lr_rng, lr_seed


def test_seed_is_the_first_eight_bytes_of_sha256():
    # printf '%s' '0|0801|median|2' | sha256sum | cut -c1-16
    assert derive_seed(0, "0801", "median", 2) == 0x871AED1E8E73DCAB
    # printf '%s' 'a|1' | sha256sum | cut -c1-16
    assert derive_seed("a", "1") == derive_seed("a", 1) == 0xDF4504CE92500FE8


def test_text_is_hashed_as_utf8():
    # printf '%s' 'grün|2' | sha256sum | cut -c1-16
    assert derive_seed("grün", 2) == 0x2D131F3A16B41264


def test_lr_rng_is_pcg64_of_the_seed():
    seed, rng = lr_seed(0, "0801", "median", 2), lr_rng(0, "0801", "median", 2)
    assert seed == derive_seed(0, "0801", "median", 2)
    assert isinstance(rng.bit_generator, np.random.PCG64)
    np.testing.assert_array_equal(rng.random(5), np.random.Generator(np.random.PCG64(seed)).random(5))


def test_every_name_matters_and_no_order_does():
    first = lr_rng(0, "a", "random", 2).random()
    others = [lr_rng(*names).random() for names in ((1, "a", "random", 2), (0, "b", "random", 2))]
    others += [lr_rng(*names).random() for names in ((0, "a", "median", 2), (0, "a", "random", 4))]
    assert lr_rng(0, "a", "random", 2).random() == first
    assert len({first, *others}) == 5
