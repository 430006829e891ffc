"""Whatever a pack holds, each way in gives a value or an InputError with a printable message, and nothing else.

2,000 examples for each way in; `make test-long` tries at least as many for three minutes (TURNWRIGHT_FUZZ_SECONDS=3600:
an hour), with seeds that a failure names. TURNWRIGHT_FUZZ_SEED is the first of them, 0 if not given.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.domains import catalog, pack_files, templates
from engine.domains.slots import Tables
from engine.domains.strict_yaml import yaml_value
from engine.errors import InputError, each
from engine.planning.template_faults import template_faults
from tests.samples.packs import ledger_files

OFTEN = 2_000
LONG = float(os.environ.get("TURNWRIGHT_FUZZ_SECONDS", "180"))
FIRST_SEED = int(os.environ.get("TURNWRIGHT_FUZZ_SEED", "0"))
LEDGER = ledger_files()
ZIP = pack_files.to_zip(LEDGER)
VALUES = {"a": "x", "n": 3, "rows": [{"k": 1, "v": "b"}, {"k": 2, "v": "c"}], "deep": {"list": [[1], [2, [3]]]}}
TABLES = Tables({"t.json": json.dumps([{"x": n, "s": "ab" * n} for n in range(20)]).encode()})
YAML_PARTS = [
    "a: ",
    "- ",
    "? ",
    "*x",
    "&x ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "|\n",
    ">\n",
    "\n",
    "  ",
    "\t",
    "yes",
    "010",
    "1:30",
    "~",
    "!!int ",
    "!!python/name:os",
    "<<: ",
    "2026-01-02",
    "0x1F",
    "1e999",
    ".nan",
    "9" * 5000,
    "\\ud800",
    "\u202e",
    "\x00",
    "%YAML 1.2\n",
    "---\n",
    "...",
    "#",
    "\ufeff",
    "\u2028",
    "!!binary ",
    "!!set ",
    "- - - ",
    ": ",
    ", ",
    "id",
    "say",
    "=",
]
JINJA_PARTS = [
    "{{ ",
    " }}",
    "{% for i in range(99999) %}",
    "{% for r in rows %}",
    "{% endfor %}",
    "{% if a %}",
    "{% endif %}",
    "a",
    "n",
    "rows",
    "deep",
    "r.v",
    "i",
    "|join",
    "|replace('', a)",
    "|center(999999)",
    "|list",
    "|map('upper')",
    "|tojson(indent=9)",
    "|random",
    "lipsum()",
    " * ",
    " ** ",
    " ~ ",
    " + ",
    "[",
    "]",
    "(",
    ")",
    "'x'",
    "99999",
    "1.5",
    "{% set a = a ~ a %}",
    "{% macro m() %}",
    "{% endmacro %}",
    "m()",
    "loop(",
    "namespace(x=1)",
    ".x",
    "[1:]",
    " in ",
    " not ",
    " if ",
    " else ",
    "|indent(99999)",
    "'%9999d' % ",
    "'{:>9999}'.format(",
    ",",
    ":",
    "|sum",
    "|sort",
    "|groupby('k')",
    "|string",
    "\u202e",
    "|urlize",
    "|wordwrap(1)",
    "|round(999)",
    "cycler(1, 2)",
    "|batch(2)",
    "|slice(3)",
    "{# ",
    " #}",
    "{% raw %}",
    "-",
    "|xmlattr",
]
SQL_PARTS = [
    "select ",
    "x",
    "s",
    " from ",
    "t",
    ", ",
    "*",
    "count(",
    ")",
    "(",
    "random()",
    "date('now')",
    "zeroblob(999999999)",
    "hex(",
    "replace(s, '', s)",
    "with recursive n(y) as (select 1 union all select y + 1 from n) ",
    "n",
    " join ",
    " where ",
    " || ",
    " like ",
    "'%a%'",
    " order by ",
    "1",
    " limit 5",
    " union all ",
    "json_each(",
    "'[1]'",
    "printf('%99999d', 1)",
    ";",
    "--",
    "'",
    '"',
    ":a",
    "group_concat(s)",
    " in ",
    "null",
    "\x00",
    "\ud800",
    "current_timestamp",
    "pragma user_version",
    "9" * 300,
    "x'ff'",
]
NAME_PARTS = [
    "workspace/",
    "templates/",
    "tools/",
    "..",
    "/",
    "a",
    "A",
    ".yaml",
    ".py",
    ".json",
    "\n",
    "\u202e",
    "C:",
    "\\",
    "policy.md",
    "\ud800",
    "é",
    "e\u0301",
    "x" * 200,
    "domain.yaml",
    "\x00",
    ".",
    " ",
    "variants/v/",
    "hidden/",
    "shared/",
    "user_tools/",
]
FILE_PARTS = [
    *YAML_PARTS,
    *JINJA_PARTS,
    *SQL_PARTS,
    "turns:",
    "slots:",
    "  - query: ",
    "chain:",
    "def f():\n",
    "(" * 300,
    "\\",
]


def calm(action: Callable[[], Any]) -> None:
    """Do what a way in does. Fails for every exception but an InputError whose message can be printed."""
    try:
        action()
    except InputError as error:
        for one in each(error):
            assert str(one).encode(), "the message cannot be written"
            assert one.where
            assert one.problem


def try_yaml(text: str) -> None:
    calm(lambda: yaml_value(text.encode("utf-8", "surrogatepass"), "a.yaml"))


def try_text(text: str) -> None:
    calm(lambda: templates.names_in(text))
    calm(lambda: templates.render_text(text, VALUES))
    calm(lambda: templates.render_value(text, VALUES))


def try_query(text: str) -> None:
    calm(lambda: TABLES.columns(text, ["a"]))
    calm(lambda: TABLES.rows(text, {"a": 1}))


def try_names(text: str) -> None:
    files = LEDGER | {text: b"x"}
    calm(lambda: catalog.parse(files, unfinished=True))
    pack_files.files_digest(files)


def try_file(text: str) -> None:
    path = sorted(LEDGER)[len(text) % len(LEDGER)]
    old = LEDGER[path].decode()
    at = hash_of(text) % (len(old) + 1)
    changed = (old[:at] + text + old[at + len(text) % 9 :]).encode("utf-8", "surrogatepass")
    calm(lambda: template_faults(catalog.parse(LEDGER | {path: changed}, unfinished=True)))


def try_zip(text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    at = hash_of(text) % len(ZIP)
    calm(lambda: pack_files.from_zip(ZIP[:at] + raw + ZIP[at + len(raw) :]))
    calm(lambda: pack_files.from_zip(ZIP[:at] + ZIP[at + 1 :]))


def hash_of(text: str) -> int:
    """Return a number that is the same for a text in every process."""
    return int.from_bytes(text.encode("utf-8", "surrogatepass")[:64], "big") * 2_654_435_761 % 2**32


WAYS_IN: dict[str, tuple[Callable[[str], None], list[str]]] = {
    "yaml": (try_yaml, YAML_PARTS),
    "text": (try_text, JINJA_PARTS),
    "query": (try_query, SQL_PARTS),
    "name": (try_names, NAME_PARTS),
    "file": (try_file, FILE_PARTS),
    "zip": (try_zip, [*FILE_PARTS, "PK\x01\x02", "PK\x05\x06", "\x00\x00"]),
}
_settings = settings(max_examples=OFTEN, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("way", WAYS_IN)
def test_every_way_in_gives_a_value_or_a_refusal(way: str) -> None:
    action, parts = WAYS_IN[way]
    pieces = st.one_of(st.sampled_from(parts), st.text(max_size=3))

    @_settings
    @given(st.lists(pieces, max_size=14).map("".join))
    def tried(text: str) -> None:
        action(text)

    tried()


@pytest.mark.long
@pytest.mark.timeout(int(LONG) + 600)
def test_every_way_in_for_longer() -> None:
    end, seed, tried = time.monotonic() + LONG, FIRST_SEED, dict.fromkeys(WAYS_IN, 0)
    while time.monotonic() < end or min(tried.values()) < OFTEN:
        rng = random.Random(seed)
        way = rng.choice(list(WAYS_IN))
        action, parts = WAYS_IN[way]
        text = "".join(rng.choice(parts) for _ in range(rng.randint(1, 30)))
        start = time.monotonic()
        try:
            action(text)
        except Exception as error:
            raise AssertionError(f"seed {seed}, {way}: {text!r}") from error
        assert time.monotonic() - start < 90, f"seed {seed}, {way} took too long: {text!r}"
        seed += 1
        tried[way] += 1
    print(f"seeds {FIRST_SEED} to {seed}: {tried}")
