"""Where files that are not part of the project lie, if they are there: benchmark images, outputs of official codes."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("IKEBENCH_TEST_SHARED", Path(__file__).parents[1] / "../shared"))


def needs_shared(*path):
    """Skip a test where a shared file or folder is not there."""
    return pytest.mark.skipif(not SHARED.joinpath(*path).exists(), reason=f"no {'/'.join(path)} in {SHARED}")
