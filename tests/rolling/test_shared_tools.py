"""A pack rolls out with a shared tool file, beside a file of its own that has the same name."""

from __future__ import annotations

import json

import pytest

from engine.domains import catalog, shared_tools
from engine.domains.shared_tools import with_shared_files
from engine.planning.planner import plan
from engine.rolling.rollout import rollout
from engine.serving.choice import open_pool
from engine.settings import SHARED_TOOLS
from engine.types import Domain, Persona
from tests.engines import wired
from tests.samples.batches import batch_of
from tests.samples.packs import ledger_files

OWN = b'"""Own."""\n\n\ndef double(number: int) -> int:\n    """Double it.\n\n    Args:\n        number: What.\n\n'
OWN += b'    Effect: read\n    """\n    return number * 2\n'
TEMPLATE = """
id: fee
title: Work out a fee
goal: You want to know the fee of account {{ account_id }}.
slots:
  - query: select _key as account_id, balance from accounts where _key = 'A-1'
turns:
  - say: ["What is 1.5 percent of what {{ account_id }} holds, twice over?"]
    chain:
      - call: get_balance
        arguments: {account_id: "{{ account_id }}"}
        save: found
      - call: calculate
        arguments: {expression: "{{ found.balance }} * 1.5 / 100", decimals: 2}
        save: fee
      - call: double
        arguments: {number: 2}
        save: twice
    answer: ["That is {{ fee.result }}, times {{ twice }} over two."]
    facts: ["{{ fee.result }}"]
"""


@pytest.fixture(scope="module")
def domain() -> Domain:
    files = ledger_files()
    files = {path: data for path, data in files.items() if not path.startswith("templates/")}
    files["domain.yaml"] += b"shared_tools: [calculator@1]\n"
    files |= {"templates/fee.yaml": TEMPLATE.encode(), "tools/calculator.py": OWN}
    texts = {f"{one.name}@{one.version}": one.text for one in shared_tools.shipped(SHARED_TOOLS)}
    return catalog.parse(with_shared_files(files, texts.get))


async def test_the_reference_uses_it_in_the_sandbox(domain: Domain, persona: Persona) -> None:
    pool = await open_pool("local", allow_commands=True)
    try:
        batch = batch_of(domain, modes={"multiple": 1}, turns={1: 1}, trajectories=1)
        (spec,) = plan(batch, {domain.digest: domain}, [persona])
        found = await rollout(spec, wired(batch, domain, pool))
    finally:
        await pool.aclose()
    assert (found.status, found.outcome) == ("kept", "success"), (found.reason, found.detail)
    results = {turn.name: turn.content for turn in found.turns if turn.role == "tool"}
    assert json.loads(results["calculate"]) == {"result": "3.76", "exact": False}
    assert results["double"] == "4"
    assert "3.76" in found.turns[-1].content
