"""Which messages of a row each trainer trains, by the rule in its target's EXAMPLE, taken from the trainer's code.

TRL's rule is its own code, run in tests/targets/test_trl_masks.py; beside its target stands what its masks come to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from engine.examples import TargetExample
from engine.exporting.target import names, rule_of

SHOWN = [name for name in names() if rule_of(name) is not None]
WHOLE_DIALOGUES = [name for name in SHOWN if (shown := rule_of(name)) is not None and shown.whole]
"""Targets whose rows hold all trained turns of a dialogue."""


def trained_text(target: str, row: Mapping[str, Any]) -> str:
    """Return all that the trainer trains of a row, as one text."""
    example = rule_of(target)
    assert isinstance(example, TargetExample)
    return json.dumps(list(example.trained(row)), ensure_ascii=False)
