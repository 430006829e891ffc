"""The clinic pack: its database is made by the script beside it, and its tasks are proven in the local sandbox."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from engine import plugins
from engine.domains import catalog
from engine.domains.sources import sources_of
from engine.planning.tasks import modes_of, sample
from engine.protocols import Sandbox, SandboxPool
from engine.rolling.parts import environment_of
from engine.rolling.prove import prove
from engine.settings import CATALOG
from engine.types import MODES, Domain, ToolCall, ToolResult
from tests.catalog import make_clinic

PACK = CATALOG / "clinic"
DOMAIN = catalog.load(PACK)


@pytest.fixture
async def pool() -> AsyncIterator[SandboxPool]:
    plugin = plugins.load("sandboxes", "local")
    opened: SandboxPool = plugin.make(plugin.config())
    await opened.start()
    yield opened
    await opened.aclose()


def _content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
        return {name: sorted(connection.execute(f"select * from {name}")) for name in names}


def test_the_committed_database_is_what_the_script_makes(tmp_path: Path) -> None:
    make_clinic.build(tmp_path / "made.sqlite")
    assert _content(tmp_path / "made.sqlite") == _content(PACK / "workspace" / "clinic.sqlite")


def test_the_data_keeps_the_rules_of_the_practice() -> None:
    with closing(sqlite3.connect(PACK / "workspace" / "clinic.sqlite")) as db:

        def count(query: str) -> int:
            found: int = db.execute(f"select count(*) from ({query})").fetchone()[0]
            return found

        assert count("select 1 from patients") >= 40
        assert count("select 1 from clinicians") >= 10
        assert count("select 1 from plans") == 6
        pairs = (
            "appointments a join appointments b on b.patient_id = a.patient_id and b.appointment_id > a.appointment_id"
        )
        assert count(f"select 1 from {pairs} where a.clinician_id = b.clinician_id") == 0
        same_time = "s.date = t.date and s.start = t.start"
        slots = "join slots s on s.slot_id = a.slot_id join slots t on t.slot_id = b.slot_id"
        assert count(f"select 1 from {pairs} {slots} where {same_time}") == 0
        assert count("select slot_id from appointments group by slot_id having count(*) > 1") == 0
        assert count("select 1 from slots s join calendar c using (date) where c.opens is null") == 0
        assert (
            count("select 1 from slots where (status = 'booked') <> (slot_id in (select slot_id from appointments))")
            == 0
        )
        assert count("select 1 from patients where guardian_id not in (select patient_id from patients)") == 0


def test_the_pack_is_as_wide_as_it_promises() -> None:
    assert len([tool for tool in DOMAIN.tools if not tool.distractor]) >= 14
    assert len([tool for tool in DOMAIN.tools if tool.distractor]) in (3, 4)
    assert len(DOMAIN.templates) >= 14
    assert len(DOMAIN.questions) >= 12
    assert {mode for template in DOMAIN.templates for mode in modes_of(DOMAIN, template)} >= set(MODES)
    assert sum(template.turns[0].withhold is not None for template in DOMAIN.templates) >= 6
    for question in DOMAIN.questions:
        assert len(set(question.say)) >= 4, question.id
    for template in DOMAIN.templates:
        for turn in template.turns:
            assert len(set(turn.say)) >= 4, template.id
            assert len(set(turn.answer)) >= 3, template.id
            assert turn.withhold is None or min(len(turn.withhold.say), len(turn.withhold.reveal)) >= 4, template.id


@pytest.mark.parametrize("template", DOMAIN.templates, ids=lambda template: template.id)
async def test_every_template_is_proven(template, pool: SandboxPool) -> None:
    for number, mode in enumerate(mode for mode in modes_of(DOMAIN, template) if mode != "no_tool"):
        turns = 1 if mode == "missing_function" else len(template.turns)
        task = sample(DOMAIN, mode=mode, turns=turns, seed=100 + number, only=[template.id])
        async with pool.lease(environment_of(DOMAIN, None, commands=False)) as sandbox:
            proof = await prove(task, DOMAIN, sandbox, sources_of(DOMAIN))
        assert proof.reason is None, (mode, proof.detail)


async def test_dialogues_over_several_templates_are_proven(pool: SandboxPool) -> None:
    for seed in range(12):
        task = sample(DOMAIN, mode="multiple", turns=4, seed=seed)
        async with pool.lease(environment_of(DOMAIN, None, commands=False)) as sandbox:
            proof = await prove(task, DOMAIN, sandbox, sources_of(DOMAIN))
        assert proof.reason is None, (task.templates, proof.detail)


REFUSED = (
    ("verify_patient", {"full_name": "Marisol Vega", "date_of_birth": "1984-07-20"}, "do not match"),
    ("book_appointment", {"patient_id": "P101", "slot_id": "S1001"}, "not free"),
    ("book_appointment", {"patient_id": "P137", "slot_id": "{free}"}, "pediatrics"),
    ("find_free_slots", {"clinician": "Nobody", "from_date": "2026-03-03", "to_date": "2026-03-03"}, "list_clinicians"),
    ("find_free_slots", {"clinician": "Okafor", "from_date": "March 3", "to_date": "2026-03-03"}, "YYYY-MM-DD"),
    ("set_up_payment_plan", {"invoice_id": "I8001", "months": 3}, "not open"),
    ("update_contact", {"patient_id": "P101"}, "Give a phone number"),
)


@pytest.mark.parametrize(("tool", "arguments", "said"), REFUSED)
async def test_tools_refuse_and_change_nothing(
    tool: str, arguments: dict[str, str], said: str, pool: SandboxPool
) -> None:
    with closing(sqlite3.connect(PACK / "workspace" / "clinic.sqlite")) as db:
        free = "select slot_id from slots where status = 'free' and clinician_id = 'C01' and date > '2026-03-03'"
        slot = db.execute(free).fetchone()[0]
    filled = {key: slot if value == "{free}" else value for key, value in arguments.items()}
    async with pool.lease(environment_of(DOMAIN, None, commands=False)) as sandbox:
        result = await _called(sandbox, tool, filled)
        assert result.fault == "tool_error"
        assert said in result.content
        assert (await sandbox.diff()).empty


async def test_booking_uses_the_referral_and_the_next_number(pool: SandboxPool) -> None:
    task = sample(DOMAIN, mode="dependent", turns=1, seed=5, only=["book_with_referral"])
    async with pool.lease(environment_of(DOMAIN, None, commands=False)) as sandbox:
        proof = await prove(task, DOMAIN, sandbox, sources_of(DOMAIN))
    assert proof.expected is not None
    leaves = {leaf.pointer: leaf for leaf in proof.expected.changes[0].leaves}
    assert leaves["appointments/A2079"].before is None
    referral = next(leaf for pointer, leaf in leaves.items() if pointer.startswith("referrals/"))
    assert referral.after["visits_left"] == referral.before["visits_left"] - 1
    assert {pointer.split("/")[0] for pointer in leaves} == {"appointments", "referrals", "slots"}


@pytest.mark.parametrize("months", [3, 6, 12])
async def test_the_payments_of_a_plan_add_up_to_the_balance(months: int, pool: SandboxPool) -> None:
    with closing(sqlite3.connect(PACK / "workspace" / "clinic.sqlite")) as db:
        invoices = dict(db.execute("select invoice_id, balance from invoices where status = 'open'").fetchall())
    uneven = 0
    async with pool.lease(environment_of(DOMAIN, None, commands=False)) as sandbox:
        for invoice_id, balance in invoices.items():
            arguments = {"invoice_id": invoice_id, "months": months}
            found = json.loads((await sandbox.call("set_up_payment_plan", arguments)).content)
            total = found["monthly"] * (months - 1) + found["last_payment"]
            assert round(total, 2) == balance, invoice_id
            assert abs(found["last_payment"] - found["monthly"]) < 0.01 * months, invoice_id
            uneven += found["last_payment"] != found["monthly"]
    assert uneven, "no balance of the pack shows the difference"


async def test_an_answer_names_the_last_payment_where_it_differs(pool: SandboxPool) -> None:
    named = 0
    for seed in range(12):
        task = sample(DOMAIN, mode="dependent", turns=2, seed=seed, only=["payment_plan"])
        async with pool.lease(environment_of(DOMAIN, None, commands=False)) as sandbox:
            proof = await prove(task, DOMAIN, sandbox, sources_of(DOMAIN))
        deal = json.loads(proof.turns[1].calls[0][0].result.content)
        differs = deal["last_payment"] != deal["monthly"]
        rest = proof.turns[1].answer.replace(f"${deal['monthly']:.2f}", "")
        assert (f"${deal['last_payment']:.2f}" in rest) is differs
        named += differs
    assert 0 < named < 12


async def _called(sandbox: Sandbox, tool: str, arguments: dict[str, str]) -> ToolResult:
    found = next(one for one in DOMAIN.tools if one.name == tool)
    call = ToolCall(id="c", name=tool, arguments=arguments)
    return await sources_of(DOMAIN)[found.source].call(found, call, sandbox)


def test_policy_and_calendar_agree() -> None:
    domain: Domain = DOMAIN
    with closing(sqlite3.connect(PACK / "workspace" / "clinic.sqlite")) as db:
        closed = {row[0] for row in db.execute("select date from calendar where opens is null and weekday <> 'Sunday'")}
        today, phone = (
            db.execute("select value from settings where key = ?", (key,)).fetchone()[0]
            for key in ("today", "desk_phone")
        )
    assert closed == {"2026-03-18"}
    assert "Wednesday 18 March" in domain.policy
    assert today == "2026-03-02"
    assert "Monday, 2 March 2026" in domain.policy
    assert phone in domain.policy
