"""The documents keep their promises: links lead somewhere, examples run."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from baselines.contract import Task
from ikebench.catalog import KINDS, METHODS, kind_class, method_class

ROOT = Path(__file__).resolve().parent.parent


DOCUMENTS = [
    str(path.relative_to(ROOT)) for where in ("*.md", "docs/**/*.md", "benchmarks/*.md") for path in ROOT.glob(where)
]


def anchors(text):
    """What links to the headings of a page are called, as GitHub and others do it."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere_and_nothing_is_left_open(document):
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if not target.startswith("http"):
            file, _, anchor = target.partition("#")
            path = (ROOT / document).parent / file if file else ROOT / document
            assert path.exists(), target
            assert not anchor or anchor in anchors(path.read_text()), target
    assert not re.search(r"\b[A-Z]+_(TABLE|TABLES|TEXT|TIMES)\b|TODO", text)


def test_the_example_method_of_contributing_runs(tmp_path, monkeypatch):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    source = re.search(r"```python\n(\"\"\"Nearest.*?)```", text, re.DOTALL).group(1)
    (tmp_path / "nearest_example.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    from nearest_example import Nearest

    [restored] = Nearest()([Task(torch.rand(1, 3, 4, 5))], 2)
    assert restored.sr.shape == (1, 3, 8, 10)


@pytest.mark.parametrize("document", ["docs/guide.md"])
def test_every_parameter_a_document_sets_exists(document):
    settings = re.findall(r"--set ([a-z0-9]+)\.(\w+)=", (ROOT / document).read_text())
    assert settings
    for name, parameter in settings:
        cls = kind_class(name) if name in KINDS else method_class(name)
        assert name in KINDS or name in METHODS
        assert parameter in {field.name for field in fields(cls)}, f"{name}.{parameter}"
