"""Probes of hidden tests: what a pack must hold for them, and how their values are written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.domains import catalog
from engine.errors import InputErrors
from engine.planning.pack_lints import warnings
from engine.reading.json_value import same
from engine.settings import SANDBOX_ASSETS
from tests.samples.packs import ledger_files

PROBES = b"def probe_sum():\n    return 2\n\n\ndef probe_word():\n    return 'tea'\n"
VALUES = b'{"probe_sum": 2, "probe_word": "tea"}'


def pack(probes: bytes | None, values: bytes | None, **tests: Any) -> dict[str, bytes]:
    """Return the ledger with hidden tests; a file that is None is missing."""
    files = ledger_files()
    template = yaml.safe_load(files["templates/move.yaml"])
    template["hidden_tests"] = tests or {"probes": ["hidden/sum.py"]}
    files["templates/move.yaml"] = yaml.safe_dump(template).encode()
    given = {"hidden/sum.py": probes, "hidden/sum.json": values}
    return files | {path: data for path, data in given.items() if data is not None}


def test_probes_with_their_values_are_taken_and_raise_no_warning() -> None:
    domain = catalog.parse(pack(PROBES, VALUES))
    assert not [told for told in warnings(domain) if "hidden_tests" in told]


@pytest.mark.parametrize(
    ("probes", "values", "told"),
    [
        (None, VALUES, "no file 'hidden/sum.py'"),
        (PROBES, None, "no file 'hidden/sum.json'"),
        (b"def probe_sum(:\n", VALUES, "cannot be read"),
        (PROBES, b"{", "cannot be read"),
        (PROBES, b'{"probe_sum": 2}', "different probes: probe_word"),
        (PROBES, b"[1]", "different probes"),
        (b"x = 1\n", b"{}", "different probes"),
        (b"\xff", VALUES, "cannot be read"),
    ],
)
def test_what_a_pack_lacks_is_named_with_its_place(probes: bytes | None, values: bytes | None, told: str) -> None:
    with pytest.raises(InputErrors) as refusal:
        catalog.parse(pack(probes, values))
    (found,) = [error for error in refusal.value.errors if "hidden_tests.probes" in error.where]
    assert told in str(found)
    assert found.where.startswith("templates/move.yaml line ")


def test_hidden_tests_without_anything_to_run_are_refused() -> None:
    with pytest.raises(InputErrors, match="needs probes or a command"):
        catalog.parse(pack(None, None, allowed=["accounts.json"]))


def test_a_command_alone_raises_a_warning() -> None:
    domain = catalog.parse(pack(None, None, command=["true"]))
    (told,) = [told for told in warnings(domain) if "hidden_tests" in told]
    assert told.startswith("templates/move.yaml: hidden_tests: the command imports the code that it tests")


def returned(source: str, folder: Path) -> dict[str, Any]:
    """Return what the runner makes of the probes of a source."""
    given = json.dumps({"name": "a.py", "source": source, "mark": "#"})
    command = [sys.executable, "-I", "-B", "-c", (SANDBOX_ASSETS / "probe_runner.py").read_text()]
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1][1:])
    return found


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("None", None),
        ("[1, 2.5, True, 'a']", [1, 2.5, True, "a"]),
        ("(1, 'a')", {"$tuple": [1, "a"]}),
        ("{'b': 1, 'a': (2,)}", {"$dict": [["a", {"$tuple": [2]}], ["b", 1]]}),
        ("{3, 1, 2}", {"$set": [1, 2, 3]}),
        ("__import__('decimal').Decimal('1.50')", {"$decimal": "1.5"}),
        ("__import__('decimal').Decimal('100')", {"$decimal": "100"}),
        ("__import__('fractions').Fraction(2, 6)", {"$fraction": "1/3"}),
        ("__import__('datetime').date(2026, 3, 1)", {"$date": "2026-03-01"}),
        ("b'ab'", {"$bytes": "YWI="}),
        ("1 / 0", {"$raised": "ZeroDivisionError"}),
    ],
)
def test_values_are_written_as_json(value: str, written: Any, tmp_path: Path) -> None:
    assert returned(f"def probe_a():\n    return {value}\n", tmp_path) == {"probe_a": written}


def test_a_value_that_equals_everything_equals_nothing(tmp_path: Path) -> None:
    source = "class Any(int):\n    __eq__ = lambda self, other: True\n\n\ndef probe_a():\n    return Any(2)\n"
    assert returned(source, tmp_path) == {"probe_a": {"$Any": "2"}}


def test_true_is_not_one() -> None:
    assert not same(True, 1)
    assert same(1, 1.0)
