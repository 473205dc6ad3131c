"""What a finding is, and how findings are written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fact:
    """Something that is there, or missing.

    Attributes:
        topic: software, machine, weights or data.
        name: of the thing.
        value: for programs: a number, a text, a truth or a list; None where the thing is missing.
        words: for people.
        mend: the command that brings what is missing, or "".
    """

    topic: str
    name: str
    value: Any
    words: str
    mend: str = ""


def as_text(facts: Sequence[Fact]) -> str:
    """Write facts by topic, a line each; what mends something stands behind an arrow."""
    width = max(len(fact.name) for fact in facts)
    lines: list[str] = []
    for topic in dict.fromkeys(fact.topic for fact in facts):
        lines += ["", topic] if lines else [topic]
        for fact in facts:
            if fact.topic == topic:
                lines.append(f"  {fact.name:{width}}  {fact.words}" + (f"  -> {fact.mend}" if fact.mend else ""))
    return "\n".join(lines)


def as_json(facts: Sequence[Fact]) -> str:
    """Write facts as JSON: topic -> name -> value, words, mend."""
    topics: dict[str, dict[str, Any]] = {}
    for fact in facts:
        told = {"value": fact.value, "words": fact.words, "mend": fact.mend or None}
        topics.setdefault(fact.topic, {})[fact.name] = told
    return json.dumps(topics, indent=1)
