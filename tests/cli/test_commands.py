"""Commands in real processes: `run` and `resume` work on their own batch alone, and a budget is raised."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.liveness import process_name
from engine.sandboxes import docker
from engine.types import PROVIDER_STATE, Attachment, Domain, Endpoint, Review
from storage.database import Database
from storage.designing import domains
from storage.designing.outside_packs import unallowed
from storage.exporting import exports
from storage.generating import batches
from storage.reviewing.reviews import save_review
from tests.engines import ROOT, ended_holder, surroundings
from tests.samples.batches import batch_of
from tests.samples.models import scripted
from tests.samples.packs import ledger_files
from tests.samples.tokenizers import tokenizer_folder
from tests.samples.trajectories import mixed_trajectories
from tests.storage.stored_samples import insert_imported

TALKS = """
domains: [ledger]
trajectories: 30
concurrency: 2
early_look: false
teacher: llm
models:
  teacher:
    model: played
    llm: scripted
    options: {replies: [{text: No idea., seconds: 0.05, prompt_tokens: 50, completion_tokens: 10}]}
"""


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs one command of the engine over the database of this test."""
    environment = surroundings(tmp_path)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "engine", *arguments]
        return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)

    return call


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.slow
def test_a_batch_file_is_worked_on_before_older_batches_and_alone(
    db: Database, ledger: Domain, command: Command, tmp_path: Path
) -> None:
    older = [batches.create_batch(db, batch_of(ledger, trajectories=number)) for number in (5000, 4)]
    (tmp_path / "mine.yaml").write_text("domains: [ledger]\ntrajectories: 6\n")
    done = command("run", str(tmp_path / "mine.yaml"))
    assert done.returncode == 0, done.stderr
    assert "batch 3 'mine': done" in done.stdout
    assert [batches.get_batch(db, number).status for number in older] == ["queued", "queued"]
    assert all(batches.get_batch(db, number).started_at is None for number in older)


@pytest.mark.slow
def test_an_imported_domain_is_refused_without_isolation_until_it_is_trusted(
    db: Database, ledger: Domain, command: Command, tmp_path: Path
) -> None:
    domains.save_domain(db, ledger_files(b"Theirs."), based_on=1, imported=True)
    digest = domains.get_domain(db, "ledger").digest
    (tmp_path / "mine.yaml").write_text("domains: [ledger]\ntrajectories: 2\n")
    refused = command("run", str(tmp_path / "mine.yaml"), "--sandbox", "local")
    assert refused.returncode == 1
    assert f"python -m engine trust {digest}" in refused.stdout
    assert command("trust", digest).stdout == f"{digest} may run without isolation\n"
    assert unallowed(db, [digest]) == frozenset()
    assert "error: pack: 'nobody' is no stored domain" in command("trust", "nobody").stderr


@pytest.mark.slow
def test_a_reached_budget_is_raised_on_the_command_line(db: Database, command: Command, tmp_path: Path) -> None:
    (tmp_path / "talks.yaml").write_text(f"{TALKS}budget: {{tokens: 300}}\n")
    first = command("run", str(tmp_path / "talks.yaml"))
    assert first.returncode == 1
    assert "tokens budget of 300 is reached" in first.stdout
    assert "python -m engine resume 1" in first.stdout
    again = command("resume", "1")
    assert (again.returncode, "tokens budget of 300" in again.stdout) == (1, True)
    spent = batches.get_batch(db, 1).tokens
    raised = command("resume", "1", "--tokens", "0", "--dollars", "5", "--prices", "1", "2")
    assert raised.returncode == 0, raised.stdout + raised.stderr
    row = batches.get_batch(db, 1)
    assert (row.status, row.progress.waiting) == ("done", 0)
    assert row.batch.budget.tokens is None
    assert row.batch.budget.cost_usd == 5.0
    assert row.tokens > spent
    over = command("resume", "1", "--tokens", "9")
    assert (over.returncode, over.stdout) == (1, "")
    assert "is done, so its budget stays" in over.stderr


@pytest.mark.slow
def test_prices_for_an_unknown_model_are_given_on_the_command_line(
    db: Database, ledger: Domain, command: Command
) -> None:
    reply = {"text": "No idea.", "prompt_tokens": 50, "completion_tokens": 10}
    teacher = scripted(reply)
    wanted = batch_of(ledger, teacher="llm", models={"teacher": teacher}, budget={"cost_usd": 2.0}, sandbox="local")
    number = str(batches.create_batch(db, wanted))
    first = command("resume", number)
    assert first.returncode == 1
    assert "price of scripted is not known" in first.stdout
    paused = batches.get_batch(db, 1)
    assert (paused.tokens, paused.unpriced_calls) == (60, 1), "the call that showed it has been paid for"
    done = command("resume", number, "--prices", "10", "50")
    assert done.returncode == 0, done.stdout + done.stderr
    row = batches.get_batch(db, 1)
    assert row.unpriced_calls == 1
    assert row.cost_usd == pytest.approx((row.tokens - 60) / 60 * 0.001)


@pytest.mark.slow
def test_failed_rollouts_are_tried_again_on_the_command_line(db: Database, ledger: Domain, command: Command) -> None:
    dead = Endpoint(model="m", llm="openai_compatible", api_base="http://127.0.0.1:9/v1", attempts=1)
    wanted = batch_of(ledger, teacher="llm", models={"teacher": dead}, trajectories=4, sandbox="local")
    number = str(batches.create_batch(db, wanted))
    assert command("resume", number).returncode == 0
    failed = batches.get_batch(db, 1).progress.failed
    assert failed > 0
    again = command("resume", number, "--retry-failed")
    assert f"failed rollouts that are tried again: {failed}\n" in again.stdout
    row = batches.get_batch(db, 1)
    assert (row.status, row.progress.failed, row.progress.waiting) == ("done", failed, 0)
    elsewhere = command("resume", number, "--retry-failed", "--sandbox", "nowhere")
    assert elsewhere.returncode == 1
    assert "there is no sandbox 'nowhere'" in elsewhere.stderr
    assert batches.get_batch(db, 1).status == "done"


@pytest.mark.slow
def test_the_whole_record_of_a_trajectory_is_shown_without_its_providers_state(db: Database, command: Command) -> None:
    beside = (Attachment(turn=1, kind=PROVIDER_STATE, value={"calls": ["OPAQUE"]}), Attachment(turn=1, kind="vote"))
    insert_imported(db, "in", [mixed_trajectories()[0].model_copy(update={"attachments": beside})])
    shown = command("show", "1", "--json")
    assert shown.returncode == 0, shown.stderr
    assert [one["kind"] for one in json.loads(shown.stdout)["attachments"]] == ["vote"]


@pytest.mark.slow
def test_an_export_takes_what_was_asked_for_and_cuts_rejected_turns(
    db: Database, command: Command, tmp_path: Path
) -> None:
    insert_imported(db, "in", mixed_trajectories()[:4])
    for number, tag in ((1, "good"), (2, "other")):
        save_review(db, Review(trajectory=number, verdict="accept", rating=4, tags=(tag,)))
    save_review(db, Review(trajectory=1, turn=len(mixed_trajectories()[0].turns) - 1, verdict="reject"))
    out = tmp_path / "some.jsonl"
    asked = ("export", "--out", str(out), "--format", "trajectory", "--tag", "good", "--min-rating", "4")
    done = command(*asked, "--untrained", "cut")
    assert done.returncode == 0, done.stderr
    (row,) = map(json.loads, out.read_text().splitlines())
    assert row["id"] == mixed_trajectories()[0].id
    assert len(json.loads(row["turns"])) == len(mixed_trajectories()[0].turns) - 1
    refused = command(*asked, "--verdict", "good")
    assert refused.returncode == 1
    assert "filter.verdicts.1" in refused.stderr
    told = command("analyze", "--tag", "good", "--json")
    assert json.loads(told.stdout)["funnel"][-1]["count"] == 1


@pytest.mark.slow
def test_an_export_names_the_endings_it_knows_and_replaces_nothing_unasked(
    db: Database, command: Command, tmp_path: Path
) -> None:
    insert_imported(db, "in", mixed_trajectories()[:4])
    refused = command("export", "--out", str(tmp_path / "x.csv"))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert ".jsonl, .jsonl.gz" in refused.stderr
    assert list(tmp_path.glob("x.csv*")) == []
    out = tmp_path / "rows.jsonl"
    out.write_text("mine")
    refused = command("export", "--out", str(out))
    assert refused.returncode == 1
    assert "is there already" in refused.stderr
    assert "--force" in refused.stderr
    assert out.read_text() == "mine"
    assert exports.list_exports(db) == []
    assert command("export", "--out", str(out), "--force").returncode == 0
    assert len(out.read_text().splitlines()) == 4
    asked = ("export", "--out", str(tmp_path / "s.zip"), "--split", "train=1", "--compression", "gzip")
    assert command(*asked, "--shard-size", "3KB", "--shard-rows", "3").returncode == 0
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        shards = [archive.read(name) for name in archive.namelist() if name.startswith("train-")]
    assert len(shards) > 1
    assert b"".join(map(gzip.decompress, shards)) == out.read_bytes()
    assert command("export", "--out", str(tmp_path / "x.json")).returncode == 0
    rows = json.loads((tmp_path / "x.json").read_bytes())
    assert rows == [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.slow
def test_an_export_for_a_trainer_on_the_command_line(db: Database, command: Command, tmp_path: Path) -> None:
    insert_imported(db, "in", mixed_trajectories()[:1])
    save_review(db, Review(trajectory=1, turn=2, verdict="reject"))
    out = tmp_path / "rows.jsonl"
    done = command("export", "--out", str(out), "--target", "trl")
    assert done.returncode == 0, done.stderr
    (row,) = map(json.loads, out.read_text().splitlines())
    assert [len(row[part]) for part in ("prompt", "completion")] == [5, 1]
    assert "assistant_only_loss=True" in done.stderr
    assert str(out.name) in done.stderr
    assert json.loads(done.stdout)["report"]["rows"] == 1
    assert exports.list_exports(db)[0].recipe.target == "trl"
    (tmp_path / "recipe.json").write_text(exports.list_exports(db)[0].recipe.model_dump_json())
    for arguments, told in (
        (("--target", "trl", "--format", "llamafactory"), "trl reads chat_jsonl, not llamafactory"),
        (("--target", "prime-rl", "--untrained", "mask"), "prime_rl cannot do 'mask'"),
        (("--target", "trl", "--recipe", str(tmp_path / "recipe.json")), "stands beside a recipe"),
    ):
        refused = command("export", "--out", str(tmp_path / "other.jsonl"), *arguments)
        assert refused.returncode == 1
        assert told in refused.stderr
    limit = ("--tokenizer", str(tokenizer_folder(tmp_path / "tokens")), "--context", "5", "--longer", "leave-out")
    refused = command("export", "--out", str(tmp_path / "short.jsonl"), *limit)
    assert "longer_than_context (1)" in refused.stderr
    again = command("export", "--out", str(tmp_path / "again.jsonl"), "--recipe", str(tmp_path / "recipe.json"))
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again.jsonl").read_bytes() == out.read_bytes()
    listed = command("list", "targets").stdout.splitlines()
    names = [line.split()[0] for line in listed]
    assert names == sorted(names)
    assert {"axolotl", "llamafactory", "ms_swift", "prime_rl", "trl", "trl/dpo", "openai", "atif"} <= set(names)


@pytest.mark.slow
def test_two_runs_of_one_batch_leave_come_back_and_come_back_no_second_time(
    db: Database, command: Command, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        insert_imported(db, name, mixed_trajectories())
    out, again = tmp_path / "all.jsonl", tmp_path / "again.jsonl"
    assert command("export", "--out", str(out), "--format", "trajectory").returncode == 0
    for batch in (1, 2):
        batches.delete_batch(db, batch)
    done = command("import", str(out), "--format", "trajectory")
    assert (done.returncode, done.stdout) == (0, f"batch 3: {2 * len(mixed_trajectories())} trajectories\n")
    assert command("export", "--out", str(again), "--format", "trajectory").returncode == 0
    assert again.read_bytes() == out.read_bytes()
    told = command("import", str(out), "--format", "trajectory")
    assert told.returncode == 0
    assert f"all are here already, from an import before: {2 * len(mixed_trajectories())} in batch 3" in told.stdout
    assert [row.id for row in batches.list_batches(db)] == [3]


@pytest.mark.slow
def test_what_a_plan_falls_short_of_is_told_by_run_and_show(db: Database, command: Command, tmp_path: Path) -> None:
    (tmp_path / "short.yaml").write_text(
        "domains: [{id: ledger, templates: [balance]}]\ntrajectories: 7\nturns: {1: 1, 2: 1}\n"
    )
    done = command("run", str(tmp_path / "short.yaml"))
    assert done.returncode == 0, done.stderr
    for out in (done.stdout, command("show", "--batch", "1").stdout):
        assert "  plan: No chosen domain serves parallel: its share goes to the other modes." in out
        assert "  plan: No chosen domain has a dialogue of 2 user turns: its share goes to shorter ones." in out
    (tmp_path / "old.yaml").write_text("domains: [ledger]\ntrajectories: 3\nplan_version: 1\n")
    old = command("run", str(tmp_path / "old.yaml"))
    assert "plan:" not in old.stdout
    assert batches.get_batch(db, 2).batch.plan_version == 1
    (tmp_path / "new.yaml").write_text("domains: [ledger]\nplan_version: 7\n")
    refused = command("run", str(tmp_path / "new.yaml"))
    assert refused.returncode == 1
    assert "new.yaml line 2: plan_version: 7 is not known here, only 1 and 2." in refused.stderr


@pytest.mark.slow
def test_an_import_tells_what_it_found_and_takes_options(db: Database, command: Command, tmp_path: Path) -> None:
    def row(text: str, **more: object) -> str:
        said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": text} | more]
        return json.dumps({"messages": said, "source": "web"}) + "\n"

    file = tmp_path / "theirs.jsonl"
    file.write_text(row("<think>why</think>Yes.") + '{"messages": []}\n' + row("No.", weight=0))
    done = command("import", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:3] == [
        "batch 1: 2 trajectories",
        "set aside: 1 of 3",
        "  theirs.jsonl, line 2, field messages: there is no message. Choose another format for this file.",
    ]
    assert "  think tags read: 1\n" in done.stdout
    assert "  source: 2\n" in done.stdout
    assert (batches.get_batch(db, 1).import_report or {})["untrained"] == 1
    again = command("import", str(file), "--option", "reasoning=field")
    assert "think tags read" not in again.stdout
    refused = command("import", str(file), "--option", "reasoning=nowhere")
    assert refused.returncode == 1
    assert "importers/chat_jsonl: reasoning" in refused.stderr
    listed = command("list", "importers")
    assert "--option reasoning=auto|field|think (auto)" in listed.stdout
    assert "--option thoughts=read|keep (read)" in listed.stdout
    assert "--option split_untrained=true|false (false)" in command("list", "exporters").stdout


def test_what_killed_engines_left_is_listed_and_removed(tmp_path: Path) -> None:
    work = tmp_path / "work"
    dead, alive, other = (
        work / f"turnwright-sandbox-{ended_holder().split('/')[0]}-abc",
        work / f"turnwright-sandbox-{process_name()}-abc",
        work / "something-else",
    )
    for folder in (dead, alive, other):
        folder.mkdir(parents=True)
    options = json.dumps({"local": {"folder": str(work)}})
    environment = surroundings(tmp_path) | {"TURNWRIGHT_SANDBOX_OPTIONS": options, "DOCKER_HOST": "tcp://127.0.0.1:9"}

    def cleanup(*more: str) -> list[str]:
        line = [sys.executable, "-m", "engine", "cleanup", *more]
        done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True)
        return sorted(line for line in done.stdout.splitlines() if not line.startswith("docker: cannot be looked at. "))

    assert cleanup() == sorted(
        [f"local: workspace {dead}", "1 left over. Remove them with `python -m engine cleanup --yes`."]
    )
    assert dead.exists()
    assert cleanup("--yes") == sorted([f"local: workspace {dead}", "1 of 1 removed."])
    assert sorted(work.iterdir()) == sorted([alive, other])
    assert cleanup() == ["Nothing is left over."]


@pytest.mark.parametrize(
    ("alive", "state", "left"),
    [(True, "running", False), (False, "running", True), (None, "running", False), (None, "exited", True)],
)
def test_a_container_is_left_when_its_engine_has_surely_ended(
    alive: bool | None, state: str, left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "lives", lambda _: alive)
    assert docker._is_left({"Labels": {docker.LABEL: "engine"}, "State": state}) is left
