"""A mode is one file: a throw-away one is found, planned, rolled out and judged, and what is stored outlives it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from cli.main import app
from engine import modes, plugins
from engine.domains import catalog, pack_files
from engine.errors import InputError, InputErrors
from engine.exporting.record import read
from engine.planning.batch_file import parse_batch
from engine.planning.planner import plan, quotas_of
from engine.planning.quotas import sentences
from engine.planning.tasks import modes_of
from engine.planning.template_faults import template_faults
from engine.protocols import SandboxPool
from engine.rolling.rollout import rollout
from engine.serving.choice import open_pool
from engine.types import MODES, Batch, Domain, DomainShare, Persona, Task, Trajectory, TrajectoryFilter
from storage.database import Database
from storage.generating import batches
from storage.generating.plans import quotas_of_batch
from storage.reviewing import trajectories
from tests.conformance import test_modes as promises
from tests.engines import wired
from tests.modes.read_only import dropped_in
from tests.modes.wrong_teachers import failed, looks_first, of, passed, played, task_of
from tests.samples.batches import batch_of
from tests.storage.stored_samples import insert_imported

NAME = "read_only"
NOTE = looks_first("set_note", account_id="A-1", note="wish")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[None]:
    folder = tmp_path / "modes"
    folder.mkdir()
    with dropped_in(folder):
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local")
    yield opened
    await opened.aclose()


def mixed(ledger: Domain) -> Batch:
    text = f"domains: [{ledger.id}]\ntrajectories: 9\nmodes: {{{NAME}: 2, single: 1}}\nturns: {{1: 1, 2: 1}}\n"
    share = DomainShare(id=ledger.id, digest=ledger.digest)
    return parse_batch(text.encode(), "b.yaml").model_copy(update={"domains": (share,)})


@pytest.mark.usefixtures("there")
def test_it_is_found_with_label_and_sentence_behind_those_that_ship() -> None:
    assert modes.names() == (*MODES, NAME)
    assert plugins.label("modes", NAME) == "Reads only"
    assert modes.named(NAME).help.startswith("Looking things up")
    listed = CliRunner().invoke(app, ["list", "modes"]).output.splitlines()
    assert "read_only            Reads only" in listed
    assert len(listed) == len(MODES) + 1


@pytest.mark.usefixtures("there")
def test_validate_and_a_template_know_it(ledger: Domain, tmp_path: Path) -> None:
    balance = ledger.files["templates/balance.yaml"] + b"\nmodes: [read_only]\n"
    pack_files.write_folder({**ledger.files, "templates/balance.yaml": balance}, tmp_path / "pack")
    done = CliRunner().invoke(app, ["validate", str(tmp_path / "pack")])
    assert done.exit_code == 0, done.output
    assert "  balance: read_only\n" in done.output
    (move,) = [line for line in done.output.splitlines() if line.startswith("  move:")]
    assert NAME not in move, "it changes something"


@pytest.mark.usefixtures("there")
def test_it_comes_into_no_batch_that_does_not_name_it(ledger: Domain) -> None:
    plain = parse_batch(f"domains: [{ledger.id}]".encode(), "b.yaml").pinned()
    assert set(plain.weights) == set(MODES)
    assert plain.fingerprint == plain.model_copy(update={"modes": dict.fromkeys(MODES, 1.0)}).fingerprint


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("version", [1, 2])
def test_it_is_shared_out_as_its_weight_asks(ledger: Domain, version: int) -> None:
    batch = mixed(ledger).model_copy(update={"plan_version": version})
    quotas = quotas_of(batch, {ledger.digest: ledger})
    assert quotas.by_mode() == {"single": 3, NAME: 6}
    assert list(quotas.by_mode()) == ["single", NAME]
    share = batch.domains[0].model_copy(update={"templates": ("move",)})
    moves = batch.model_copy(update={"domains": (share,), "modes": {NAME: 1.0, "multiple": 1.0}, "turns": {1: 1.0}})
    told = sentences(quotas_of(moves, {ledger.digest: ledger}).shortfalls)
    assert told == ([f"No chosen domain serves {NAME}: its share goes to the other modes."] if version > 1 else [])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("there")
async def test_the_reference_is_kept_under_it(ledger: Domain, persona: Persona, pool: SandboxPool) -> None:
    batch = mixed(ledger).pinned()
    parts = wired(batch, ledger, pool)
    found = [await rollout(spec, parts) for spec in plan(batch, {ledger.digest: ledger}, [persona])]
    assert [(one.status, one.outcome) for one in found] == [("kept", "success")] * 9, [one.detail for one in found]
    mine = [one for one in found if one.mode == NAME]
    assert len(mine) == 6
    for one in mine:
        (told,) = [score for score in one.scores if score.name == "mode"]
        assert (told.value, told.passed) == (1.0, True)
        assert told.reason == "Nothing that changes something was called."


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("place", [0, 1])
async def test_who_changes_something_under_it_is_rejected(
    ledger: Domain, persona: Persona, pool: SandboxPool, place: int
) -> None:
    def offers_it(task: Task, number: int) -> bool:
        return of("balance")(task, number) and any(tool.name == "set_note" for tool in task.tools)

    task = task_of(ledger, NAME, place, offers_it)
    assert "mode" in passed(await played(ledger, persona, pool, task, place))
    found = await played(ledger, persona, pool, task, place, NOTE)
    assert "mode" in failed(found)
    assert (found.status, found.culprit) == ("rejected", "agent")
    told = next(score for score in found.scores if score.name == "mode")
    assert told.reason == "set_note was called, which changes something."
    assert found.turns[told.evidence[0]].tool_calls[0].name == "set_note"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.usefixtures("there")
async def test_it_keeps_what_every_mode_promises(pool: SandboxPool) -> None:
    promises.test_it_says_in_a_label_and_a_sentence_what_it_is(NAME)
    promises.test_a_seed_gives_the_same_task_and_other_seeds_others(NAME, 3)
    promises.test_the_reference_has_the_tools_that_it_calls(NAME, 3)
    promises.test_only_one_request_is_of_a_template_that_is_short(NAME)
    promises.test_the_nine_of_plans_1_and_2_are_there_and_come_first()
    await promises.test_the_references_own_dialogue_is_kept_and_shows_what_is_demanded(NAME, 2, pool)
    await promises.test_a_dialogue_that_broke_off_is_judged_all_the_same(NAME, pool)


# ---------------------------------------------------------------- without the file


@pytest.mark.parametrize("file", [b"domains: [a]\nmodes:\n  single: 1\n  read_only: 0\n", b"modes: {read_only: 1}\n"])
def test_an_unknown_mode_of_a_batch_file_is_refused_with_the_list_and_its_line(file: bytes) -> None:
    line = file[: file.index(b"read_only")].count(b"\n") + 1
    known = ", ".join(MODES)
    told = rf"b\.yaml line {line}: modes\.read_only: there is no mode 'read_only'\. Choose one of: {known}\."
    with pytest.raises(InputErrors, match=told):
        parse_batch(file, "b.yaml")


def with_modes(ledger: Domain, *named: str) -> dict[str, bytes]:
    """Return the ledger's files with a balance template that serves only these modes."""
    balance = ledger.files["templates/balance.yaml"] + f"\nmodes: [{', '.join(named)}]\n".encode()
    return {**ledger.files, "templates/balance.yaml": balance}


def test_an_unknown_mode_of_a_template_is_a_fault_with_the_list_and_its_line(ledger: Domain, tmp_path: Path) -> None:
    files = with_modes(ledger, "single", NAME)
    line = files["templates/balance.yaml"].count(b"\n")
    told = f"templates/balance.yaml line {line}: modes.2: there is no mode 'read_only'. Choose one of: "
    domain = catalog.parse(files)
    assert [str(one) for one in template_faults(domain)] == [f"{told}{', '.join(MODES)}."]
    assert {t.id: modes_of(domain, t) for t in domain.templates} == {
        t.id: ("single",) if t.id == "balance" else modes_of(ledger, t) for t in ledger.templates
    }
    pack_files.write_folder(files, tmp_path / "pack")
    done = CliRunner().invoke(app, ["validate", str(tmp_path / "pack")])
    assert told in str(done.exception)


def test_a_template_of_nothing_but_unknown_modes_begins_no_dialogue(ledger: Domain, persona: Persona) -> None:
    domain = catalog.parse(with_modes(ledger, NAME))
    (only,) = template_faults(domain)
    assert ": modes.1: there is no mode 'read_only'." in str(only)
    batch = batch_of(domain, trajectories=40, turns={1: 1.0})
    tasks = [spec.task for spec in plan(batch, {domain.digest: domain}, [persona]) if spec.task]
    assert {name for task in tasks for name in task.templates} == {"compare", "move"}
    share = DomainShare(id=domain.id, digest=domain.digest, templates=("balance",))
    batch = batch.model_copy(update={"domains": (share,)})
    with pytest.raises(InputErrors, match=r"modes: no template of \w+ serves a mode with a weight"):
        next(plan(batch, {domain.digest: domain}, [persona]))


def test_a_batch_keeps_its_plan_when_a_mode_of_a_template_is_gone(
    ledger: Domain, persona: Persona, tmp_path: Path
) -> None:
    files = with_modes(ledger, "single", "multiple", NAME)

    def ids() -> list[str]:
        domain = catalog.parse(files)
        batch = batch_of(domain, trajectories=30, turns={1: 1.0, 2: 1.0})
        return [spec.id for spec in plan(batch, {domain.digest: domain}, [persona])]

    with dropped_in(tmp_path):
        before = ids()
    assert ids() == before


async def one_of_it(ledger: Domain, persona: Persona, pool: SandboxPool) -> Trajectory:
    task = task_of(ledger, NAME, 0, of("balance"), turns=(1,))
    return await played(ledger, persona, pool, task, 0)


@pytest.mark.asyncio(loop_scope="module")
async def test_what_is_stored_is_read_when_the_mode_is_gone(
    ledger: Domain, persona: Persona, pool: SandboxPool, tmp_path: Path, db: Database
) -> None:
    with dropped_in(tmp_path):
        made = await one_of_it(ledger, persona, pool)
        waiting = batches.create_batch(db, mixed(ledger))
    assert modes.names() == MODES
    assert modes.find(NAME) is None
    body = made.model_dump_json()
    assert Trajectory.model_validate_json(body) == made
    assert read(body.encode()).mode == NAME
    number = insert_imported(db, "came in", [made])
    rows, total = trajectories.page(db, TrajectoryFilter(batches=(number,), modes=(NAME,)), limit=5)
    assert (total, rows[0].mode) == (1, NAME)
    stored = trajectories.get(db, rows[0].id)
    assert stored is not None
    assert stored.task == made.task
    judge = plugins.load("judges", "rules")
    told = [score for score in await judge.make(judge.config()).score(made) if score.name == "mode"]
    assert [(score.value, score.reason) for score in told] == [
        (None, "There is no mode read_only here that could say what its messages must show.")
    ]
    facts = plugins.load("judges", "facts")
    assert [score.passed for score in await facts.make(facts.config()).score(made)] == [True]
    row = batches.get_batch(db, waiting)
    assert row.batch.modes == {NAME: 2.0, "single": 1.0}
    assert quotas_of_batch(db, row) is None
    with pytest.raises(InputErrors, match=rf"modes\.read_only: there is no such mode here\. Choose among: {MODES[0]}"):
        next(plan(row.batch, {ledger.digest: ledger}, [persona]))


@pytest.mark.asyncio(loop_scope="module")
async def test_the_command_line_filters_by_modes_that_are_there_or_stored(
    ledger: Domain, persona: Persona, pool: SandboxPool, tmp_path: Path, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", str(db.url))
    with dropped_in(tmp_path):
        insert_imported(db, "came in", [await one_of_it(ledger, persona, pool)])
    call = CliRunner().invoke
    assert call(app, ["analyze", "--by", "mode", "--mode", NAME]).output.count(NAME) == 1
    assert call(app, ["analyze", "--mode", "single", "--mode", "none"]).exit_code == 0
    for line in (["analyze"], ["export", "--out", str(tmp_path / "o.jsonl")]):
        done = call(app, [*line, "--mode", "reed_only"])
        assert isinstance(done.exception, InputError)
        assert str(done.exception).startswith("--mode: there is no mode 'reed_only'. Choose one of: single, ")
        assert str(done.exception).endswith("tool_error, read_only, none.")


def test_a_batch_of_a_mode_that_is_gone_keeps_its_fingerprint(ledger: Domain, tmp_path: Path) -> None:
    with dropped_in(tmp_path):
        made = batch_of(ledger, modes={NAME: 1.0, "single": 1.0})
        before = made.fingerprint
    assert Batch.model_validate_json(made.model_dump_json()).fingerprint == before


def test_a_further_folder_is_looked_in_only_within_the_context(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no plug-in 'read_only'"):
        modes.named(NAME)
    for _ in range(2):
        with dropped_in(tmp_path):
            assert type(modes.named(NAME)).__module__ == "engine.modes.read_only"
        with pytest.raises(InputError, match="no plug-in 'read_only'"):
            modes.named(NAME)
