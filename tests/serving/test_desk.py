"""Requests of pages, answered by the engine with a real database and the local sandbox."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from engine.planning.batch_file import parse_batch
from engine.serving.choice import SandboxChoice, open_pool
from engine.serving.desk import Desk
from engine.serving.worker import Worker
from engine.types import Domain, Profile, Recipe, Request, Trajectory, TrajectoryFilter, Turn
from storage.database import Database
from storage.exporting import exports
from storage.generating import batches, endpoints
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of
from tests.samples.models import scripted


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path))


@pytest_asyncio.fixture
async def desk(db: Database) -> AsyncIterator[Desk]:
    pool = await open_pool("local", allow_commands=True)

    async def pool_of(**_: Any) -> Any:
        return pool

    yield Desk(SqlLibrary(db), pool_of)
    await pool.aclose()


async def asked(desk: Desk, kind: str, **payload: Any) -> dict[str, Any]:
    result, error = await desk.answer(Request(1, kind, payload))
    assert error is None, error
    assert result is not None
    return json.loads(json.dumps(result))


async def refused(desk: Desk, kind: str, **payload: Any) -> str:
    result, error = await desk.answer(Request(1, kind, payload))
    assert result is None
    assert error
    return error


async def test_a_tool_is_tried_with_its_difference(desk: Desk) -> None:
    done = await asked(
        desk, "try_tool", domain="ledger", tool="transfer", arguments={"source": "A-1", "target": "A-2", "amount": 5}
    )
    assert done["result"]["fault"] is None
    assert json.loads(done["result"]["content"]) == {"source_balance": 245.5, "target_balance": 45.0}
    pointers = {leaf["pointer"] for change in done["diff"]["changes"] for leaf in change["leaves"]}
    assert pointers == {"/accounts/A-1/balance", "/accounts/A-2/balance"}


async def test_a_tools_refusal_is_a_result_and_a_bad_argument_is_refused(desk: Desk) -> None:
    done = await asked(desk, "try_tool", domain="ledger", tool="get_balance", arguments={"account_id": "A-99"})
    assert done["result"]["fault"] == "tool_error"
    assert "no account A-99" in done["result"]["content"]
    assert "required" in await refused(desk, "try_tool", domain="ledger", tool="get_balance", arguments={})


async def test_unsaved_source_is_tried_and_its_syntax_error_named(desk: Desk, ledger: Domain) -> None:
    source = ledger.files["tools/accounts.py"].decode().replace('"balance": entry["balance"]', '"balance": 1')
    done = await asked(
        desk, "try_tool", domain="ledger", overrides={"tools/accounts.py": source}, tool="get_balance",
        arguments={"account_id": "A-1"},
    )  # fmt: skip
    assert json.loads(done["result"]["content"])["balance"] == 1
    broken = {"tools/accounts.py": "def broken(:\n"}
    told = await refused(desk, "try_tool", domain="ledger", overrides=broken, tool="get_balance", arguments={})
    assert "tools/accounts.py line 1" in told


async def test_a_template_is_proven_with_its_dialogue_and_scores(desk: Desk) -> None:
    done = await asked(desk, "prove", domain="ledger", template="move", mode="dependent", seed=4)
    record = Trajectory.model_validate(done["trajectory"])
    assert record.outcome == "success"
    assert record.diff is not None
    assert not record.diff.empty
    assert {score.name for score in record.scores} >= {"state", "facts", "finished"}
    assert "mode_not_applicable" in await refused(desk, "prove", domain="ledger", template="balance", mode="parallel")


async def test_a_model_is_called_and_its_fault_told(desk: Desk) -> None:
    endpoint = scripted({"calls": [{"name": "get_time", "arguments": {"city": "Lisbon"}}]}).model_dump(mode="json")
    done = await asked(desk, "test_model", endpoint=endpoint)
    assert done["called_tool"] is True
    bad = scripted({"error": "auth"}).model_dump(mode="json")
    assert await refused(desk, "test_model", endpoint=bad)


async def test_a_test_call_stores_its_profile_with_the_saved_model_only(db: Database, desk: Desk) -> None:
    call = {"calls": [{"name": "get_time", "arguments": {"city": "Lisbon"}}]}
    endpoint = scripted(call, {"text": "It is 17:42 there."})
    done = await asked(desk, "test_model", endpoint=endpoint.model_dump(mode="json"))
    profile = Profile.model_validate(done["profile"])
    assert (profile.tools, profile.ids, done["reply"]) == (True, "ours", "It is 17:42 there.")
    assert (profile.parallel, profile.json_schema) == (None, False)
    assert "It called no tool" in profile.faults["parallel"]
    assert endpoints.list_endpoints(db) == []
    endpoints.save_endpoint(db, "mine", endpoint, None)
    again = await asked(desk, "test_model", endpoint=endpoint.model_dump(mode="json"))
    assert endpoints.get_endpoint(db, "mine").profile == Profile.model_validate(again["profile"])


async def stored(db: Database, ledger: Domain) -> tuple[int, Trajectory]:
    """Roll out a small batch and return a trajectory that moved money."""
    number = batches.create_batch(db, batch_of(ledger, trajectories=8, sandbox="local", modes={"dependent": 1}))
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda line: None).work(once=True)
    for identity, body, _ in trajectories.stream(db, TrajectoryFilter(batches=(number,))):
        return identity, Trajectory.model_validate_json(body)
    raise AssertionError("nothing was stored")


async def test_a_fixed_call_is_replayed_after_what_came_before(db: Database, desk: Desk, ledger: Domain) -> None:
    number, record = await stored(db, ledger)
    position = next(i for i, t in enumerate(record.turns) if t.tool_calls and t.tool_calls[0].name == "transfer")
    same = record.turns[position]
    done = await asked(desk, "replay_fix", trajectory_id=number, turn=position, fix=same.model_dump(mode="json"))
    assert done["ok"]
    assert done["diverges"] is False
    assert [Turn.model_validate(t).content for t in done["turns"]] == [record.turns[position + 1].content]
    call = same.tool_calls[0]
    other = call.model_copy(update={"arguments": {**call.arguments, "amount": 1}})
    fix = same.model_copy(update={"tool_calls": (other,)}).model_dump(mode="json")
    changed = await asked(desk, "replay_fix", trajectory_id=number, turn=position, fix=fix)
    assert changed["diverges"] is True
    wrong = same.model_copy(update={"tool_calls": (call.model_copy(update={"name": "fly"}),)}).model_dump(mode="json")
    assert "no tool 'fly'" in await refused(desk, "replay_fix", trajectory_id=number, turn=position, fix=wrong)
    plain = same.model_dump(mode="json")
    assert "no assistant turn" in await refused(desk, "replay_fix", trajectory_id=number, turn=0, fix=plain)


async def test_an_export_is_built_marked_and_its_failure_recorded(
    db: Database, desk: Desk, ledger: Domain, tmp_path: Path
) -> None:
    _, record = await stored(db, ledger)
    number = exports.create_export(db, Recipe(name="first", format="chat_jsonl"))
    done = await asked(desk, "build_export", export_id=number)
    row = exports.get_export(db, number)
    assert row is not None
    assert row.status == "done"
    path = tmp_path / "exports" / str(row.path)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == row.sha256
    with zipfile.ZipFile(path) as archive:
        lines = [x for n in archive.namelist() if n.endswith(".jsonl") for x in archive.read(n).splitlines()]
        assert f"- {ledger.id}: {ledger.licence}" in archive.read("README.md").decode().splitlines()
        (file,) = (name for name in archive.namelist() if name.startswith("batches/"))
        told_batch = parse_batch(archive.read(file), file)
    again = batches.get_batch(db, batches.create_batch(db, told_batch)).batch
    assert again.fingerprint == record.batch_fingerprint
    assert len(lines) == row.rows == done["rows"] > 0
    assert any(r.exported for r in trajectories.page(db, TrajectoryFilter())[0])
    empty = exports.create_export(db, Recipe(name="none", filter=TrajectoryFilter(domains=("nowhere",))))
    told = await refused(desk, "build_export", export_id=empty)
    lost = exports.get_export(db, empty)
    assert lost is not None
    assert lost.status == "failed"
    assert lost.error
    assert "export" in told


async def test_an_unknown_request_is_an_answer(desk: Desk) -> None:
    assert "knows no request" in await refused(desk, "dance")


async def test_a_package_is_made_and_stored(desk: Desk, tmp_path: Path) -> None:
    given = {"framework": "nemo_gym", "batch": None, "domain": "ledger", "tasks": 2, "seed": 3}
    made = await asked(desk, "make_environment", **given)
    file = tmp_path / "environments" / made["path"]
    assert (file.name, file.stat().st_size) == ("ledger-nemo_gym.zip", made["size"])
    assert made["lines"][0] == "2 proven tasks"
    assert "there is no batch 7" in await refused(desk, "make_environment", **given | {"batch": 7})
    assert "Choose harbor" in await refused(desk, "make_environment", **given | {"framework": "gym"})
