"""Reads `other_domains.json`: dialogues of domains that are no shipped pack, each with right and wrong last answers.

They were written while the checker was made, and what raised an alarm was mended: an airline, a bank, a phone company,
an office for leave, a library, a repair of code, a hotel, a helpdesk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.judging.claims.evidence import Evidence

_WRITES = ("change", "edit", "renew", "request")


@dataclass(frozen=True)
class Case:
    """What was given, and what may and may not be said of it."""

    name: str
    policy: str
    given: tuple[tuple[Any, ...], ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...]

    def evidence(self) -> Evidence:
        """Return what was given, `given` being messages of the user (one text) and calls (name, arguments or None for
        one that failed, result)."""
        found = Evidence.of_rules(self.policy, ())
        for step in self.given:
            if len(step) == 1:
                found.add_user(step[0])
            else:
                name, arguments, result = step
                text = result if isinstance(result, str) else json.dumps(result)
                found.add_result(name, text, arguments, writes=name.split("_")[0] in _WRITES)
        return found


def _read() -> tuple[Case, ...]:
    rows = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return tuple(
        Case(row["name"], row["policy"], tuple(map(tuple, row["given"])), tuple(row["right"]), tuple(row["wrong"]))
        for row in rows
    )


CASES = _read()
