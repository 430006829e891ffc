"""A throw-away plug-in of each kind (tests/throw_away), out of an installed package: it is found, configured and used,
keeps what the suite of its kind demands, and is refused when it is wrong."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from engine import plugins
from engine.domains import catalog
from engine.errors import InputError, InputErrors
from engine.exporting import target as targets
from engine.exporting.build import build
from engine.importing.read import importer_of, read
from engine.importing.report import Report
from engine.planning.batch_file import parse_batch
from engine.planning.planner import plan
from engine.rolling.rollout import rollout
from engine.running.models import open_llm
from engine.serving.choice import open_pool
from engine.types import Batch, Domain, Endpoint, Environment, Persona, Recipe, Trajectory
from tests.engines import ROOT, wired
from tests.exporting.export_steps import entries
from tests.llms.server import serving
from tests.samples.batches import batch_of
from tests.samples.trajectories import mixed_trajectories
from tests.throw_away import KINDS, NAMES, installed, source, write_all, write_package

OPTIONS = {
    "llms": ("rules", ""),
    "teachers": ("closing", "Have a good day."),
    "users": ("signature", "Zoe"),
    "tools": ("file", "log.txt"),
    "sandboxes": ("folder", ""),
    "judges": ("most", 400),
    "exporters": ("system", True),
    "importers": ("key", "said"),
}
"""An option of each plug-in, with its default. A mode has none, as nobody could set it; nor has a target."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package that offers a plug-in of each kind, as a folder of installed packages holds it."""
    folder = tmp_path_factory.mktemp("site")
    write_all(folder)
    return folder


@pytest.fixture
def there(site: Path) -> Iterator[None]:
    with installed(site):
        yield


async def rolled(
    batch: Batch, domain: Domain, persona: Persona, sandbox: str = "local", **more: Any
) -> list[Trajectory]:
    """Return the rollouts of a batch."""
    pool = await open_pool(sandbox, **more)
    try:
        parts = wired(batch, domain, pool)
        return [await rollout(spec, parts) for spec in plan(batch, {domain.digest: domain}, [persona])]
    finally:
        await pool.aclose()


# ---------------------------------------------------------------- found and configured


def test_every_kind_of_the_guide_is_tried() -> None:
    table = re.findall(
        r"^\| an? [^|]*\| `engine/(\w+)/<name>\.py`", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    assert sorted(table) == sorted(KINDS)
    assert not any("executors" in line for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines())


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("kind", plugins.KINDS)
def test_it_is_found_with_its_label_and_options(kind: str) -> None:
    name = NAMES[kind]
    assert name in plugins.names(kind)
    assert str(plugins.places(kind)[name]) == f"{kind}/{name} of throw_away_plugins (throw_away_plugins.{kind})"
    assert plugins.label(kind, name) == source(kind).removeprefix('"""').partition("\n")[0].rstrip('."')
    listed = CliRunner().invoke(app, ["list", kind]).output
    assert f"{name:<20} {plugins.label(kind, name)}\n" in listed
    if kind in OPTIONS:
        option, default = OPTIONS[kind]
        assert getattr(plugins.configure(kind, name), option) == default
        assert getattr(plugins.configure(kind, name, {option: default}), option) == default
        assert f"{option}=" in listed
    with pytest.raises(InputErrors, match=rf"{kind}/{name}: no_such_option"):
        plugins.configure(kind, name, {"no_such_option": 1})


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_it_is_gone_with_its_package(kind: str) -> None:
    assert NAMES[kind] not in plugins.names(kind)
    with pytest.raises(InputError, match=f"there is no plug-in '{NAMES[kind]}'"):
        plugins.load(kind, NAMES[kind])


def test_a_wrong_option_in_a_batch_file_is_refused_with_its_line(site: Path) -> None:
    text = b"domains: [ledger]\nteacher: {throwaway: {close: Bye}}\njudges:\n  - state\n  - brevity: {most: many}\n"
    with installed(site), pytest.raises(InputErrors) as refused:
        parse_batch(text, "b.yaml")
    told = [str(error) for error in refused.value.errors]
    assert told[0].startswith("b.yaml line 2: teacher.throwaway.close: is no known field")
    assert told[1].startswith("b.yaml line 5: judges.2.brevity.most: ")
    with pytest.raises(InputErrors, match=r"line 2: teacher: there is no plug-in 'throwaway'"):
        parse_batch(text, "b.yaml")


# ---------------------------------------------------------------- at work


@pytest.mark.usefixtures("there")
async def test_teacher_user_and_judge_play_and_judge_a_batch_that_names_them(ledger: Domain, persona: Persona) -> None:
    options: dict[str, Any] = {
        "teacher": {"throwaway": {"closing": "Goodbye."}},
        "user": {"throwaway": {"signature": "Yours, Yan"}},
        "judges": ["state", "facts", {"brevity": {"most": 55}}],
    }
    found = await rolled(batch_of(ledger, trajectories=12, turns={1: 1}, **options), ledger, persona)
    assert {(one.teacher, one.user, one.outcome) for one in found} >= {("throwaway", "throwaway", "success")}
    for one in found:
        assert one.turns[1].content.endswith("Yours, Yan")
        assert one.turns[-1].content.endswith("Goodbye.")
        (score,) = [score for score in one.scores if score.source == "brevity"]
        assert score.passed is (len(one.turns[-1].content) <= 55)
        assert one.status == ("kept" if score.passed else "rejected")
        assert one.reason == (None if score.passed else "low_brevity")
    assert {one.status for one in found} == {"kept", "rejected"}


@pytest.mark.usefixtures("there")
async def test_a_mode_is_rolled_out(ledger: Domain, persona: Persona) -> None:
    batch = batch_of(ledger, trajectories=4, modes={"throwaway": 1.0}, turns={1: 1})
    found = await rolled(batch, ledger, persona)
    assert [(one.mode, one.status) for one in found] == [("throwaway", "kept")] * 4
    told = {score.reason for one in found for score in one.scores if score.name == "mode"}
    assert told == {"Nothing that changes something was called."}


NOTE = b"""
id: note
title: Have something written down
goal: You want the desk to write down that {{ owner }} called.
slots:
  - query: select distinct owner from accounts order by owner
turns:
  - say: ["Write down that {{ owner }} called.", "{{ owner }} called, log it.", "log {{ owner }}"]
    chain:
      - call: log
        arguments: {text: "{{ owner }} called."}
        save: done
    answer: ["It is written down that {{ owner }} called."]
    facts: ["{{ owner }}"]
"""


@pytest.mark.usefixtures("there")
async def test_a_pack_has_tools_from_a_source_that_its_domain_yaml_names(ledger: Domain, persona: Persona) -> None:
    head = ledger.files["domain.yaml"] + b"\ntool_sources: [python, {throwaway: {file: book/log.txt}}]\n"
    more = {"domain.yaml": head, "log/about.txt": b"Write into the log.", "templates/note.yaml": NOTE}
    domain = catalog.parse({**ledger.files, **more})
    assert next(tool for tool in domain.tools if tool.name == "log").source == "throwaway"
    batch = batch_of(domain, trajectories=3, turns={1: 1}, modes={"multiple": 1.0})
    share = batch.domains[0].model_copy(update={"templates": ("note",)})
    found = await rolled(batch.model_copy(update={"domains": (share,)}), domain, persona)
    assert [(one.status, one.outcome) for one in found] == [("kept", "success")] * 3
    for one in found:
        assert one.diff is not None
        assert [(change.path, change.kind) for change in one.diff.changes] == [("book/log.txt", "added")]
    with pytest.raises(
        InputErrors, match=r"domain\.yaml line \d+: tool_sources\.2\.throwaway\.book: is no known field"
    ):
        catalog.parse({**ledger.files, **more, "domain.yaml": head.replace(b"file:", b"book:")})
    with pytest.raises(InputErrors, match=r"log/about\.txt: is missing"):
        catalog.parse({path: data for path, data in domain.files.items() if path != "log/about.txt"})


@pytest.mark.usefixtures("there")
async def test_a_model_path_plays_the_teacher(ledger: Domain, persona: Persona) -> None:
    call = {"name": "get_balance", "arguments": {"account_id": "A-1"}}
    async with serving() as server:
        server.plays = [{"calls": [call]}, {"text": "I cannot say."}]
        options = {"rules": "Speak softly.", "backoff": 0.001}
        endpoint = Endpoint(model="m", llm="throwaway", api_base=server.base, options=options)
        batch = batch_of(ledger, trajectories=1, turns={1: 1}, teacher="llm", models={"teacher": endpoint})
        llm, pool = open_llm(endpoint, "teacher"), await open_pool("local")
        try:
            spec = next(plan(batch, {ledger.digest: ledger}, [persona]))
            found = await rollout(spec, wired(batch, ledger, pool, {"teacher": llm}))
        finally:
            await llm.aclose()
            await pool.aclose()
    assert [turn.content for turn in found.turns if turn.role == "assistant"][-1] == "I cannot say."
    assert len(found.calls) == len(server.requests) == 2
    assert {request["messages"][0]["content"] for request in server.requests} == {"Speak softly."}


@pytest.mark.usefixtures("there")
async def test_a_sandbox_serves_a_batch(ledger: Domain, persona: Persona, tmp_path: Path) -> None:
    batch = batch_of(ledger, trajectories=2, turns={1: 1})
    found = await rolled(batch, ledger, persona, "throwaway")
    assert [(one.status, one.execution.sandbox) for one in found] == [("kept", "throwaway")] * 2
    pool = await open_pool("throwaway", options={"throwaway": {"folder": str(tmp_path)}})
    try:
        async with pool.lease(Environment(workspace={"a.txt": b"a"}, modules={})) as sandbox:
            assert await sandbox.read("a.txt") == b"a"
            assert len(list(tmp_path.iterdir())) == 1
    finally:
        await pool.aclose()
    with pytest.raises(InputErrors, match="sandboxes/throwaway: most"):
        await open_pool("throwaway", options={"throwaway": {"most": 3}})


@pytest.mark.usefixtures("there")
def test_an_export_is_built_and_read_back(tmp_path: Path) -> None:
    def rows(name: str, **options: Any) -> tuple[Path, list[dict[str, Any]]]:
        recipe = Recipe(format=name, options=options, splits={"train": 1.0})
        path = build(recipe, entries(mixed_trajectories()), tmp_path / f"{name}{len(options)}.jsonl").path
        return path, [json.loads(line) for line in path.read_bytes().splitlines()]

    path, written = rows("throwaway")
    _, plain = rows("throwaway", system=False)
    assert {"system", "user", "assistant"} == {one["by"] for row in written for one in row["said"]}
    assert {"user", "assistant"} == {one["by"] for row in plain for one in row["said"]}
    assert rows("throwaway_alone")[1] == written
    report = Report()
    with path.open("rb") as file:
        found = list(read(importer_of("throwaway", {}), file, path.name, report))
    assert (report.imported, report.set_aside) == (len(written), 0)
    said = [[{"by": turn.role, "text": turn.content} for turn in one.turns] for one in found]
    assert said == [row["said"] for row in written]
    renamed = [json.dumps({"spoken": row["said"]}).encode() for row in written]
    assert len(list(importer_of("throwaway", {"key": "spoken"}).trajectories(renamed, "f"))) == len(written)
    with pytest.raises(InputError, match="line 1, field messages"):
        list(importer_of("throwaway", {}).trajectories(renamed, "f"))


@pytest.mark.usefixtures("there")
def test_an_export_for_a_trainer_is_built(tmp_path: Path) -> None:
    assert "throwaway" in targets.names()
    assert (
        "throwaway            Throw-away trainer: Messages that end"
        in CliRunner().invoke(app, ["list", "targets"]).output
    )
    recipe = Recipe(target="throwaway", splits={"train": 1.0})
    made = build(recipe, entries(mixed_trajectories()), tmp_path / "rows.jsonl")
    assert made.settings == "data: rows.jsonl  # the split train"
    assert targets.for_target(recipe).untrained == "cut"
    with pytest.raises(InputError, match="masked: mask does not suit throwaway"):
        targets.for_target(Recipe(target="throwaway", options={"masked": "mask"}))


# ---------------------------------------------------------------- promised


SUITES = {
    "llms": "tests/conformance/test_llms.py",
    "teachers": "tests/conformance/test_players.py",
    "users": "tests/conformance/test_players.py",
    "modes": "tests/conformance/test_modes.py",
    "tools": "tests/conformance/test_tool_sources.py",
    "sandboxes": "tests/conformance/test_sandboxes.py",
    "judges": "tests/conformance/test_judges.py",
    "exporters": "tests/conformance/test_exporters.py",
    "importers": "tests/importers/test_mutations.py",
    "targets": "tests/targets/test_targets.py",
}


LONG = ("thirty_two", "git_patch", "reuses", "end_states", "clock_tick", "cancelled", "timeout", "process", "program")
"""Tests that take long and try the sandbox behind the throw-away one once more."""


def suite(site: Path, names: str, *files: str, ci: str) -> list[tuple[str, str, str]]:
    """Run the tests of conformance files for the plug-ins with these names, where the packages of `site` are installed;
    return (file, test, outcome)."""
    report = site.parent / f"{site.name}.xml"
    chosen = f"({names}) and not ({' or '.join(LONG)})"
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, f"--junit-xml={report}", *files]
    environment = {**os.environ, "PYTHONPATH": str(site), "CI": ci}
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert report.exists(), done.stdout + done.stderr
    return [
        (
            case.get("classname", "").replace(".", "/") + ".py",
            case.get("name", ""),
            next((x.tag for x in case), "passed"),
        )
        for case in ElementTree.parse(report).iter("testcase")
    ]


@pytest.fixture(scope="module")
def outcomes(site: Path) -> list[tuple[str, str, str]]:
    return suite(site, "throwaway or brevity", *sorted(set(SUITES.values())), ci="true")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", KINDS)
def test_the_suite_of_its_kind_takes_it_in_and_it_passes(kind: str, outcomes: list[tuple[str, str, str]]) -> None:
    mine = [(test, how) for file, test, how in outcomes if file == SUITES[kind] and NAMES[kind] in test]
    assert [(test, how) for test, how in mine if how != "passed"] == []
    assert len(mine) >= 2
    if kind == "exporters":
        tests = Counter(re.sub(r"\[.*", "", test) for test, _ in mine if "throwaway_alone" not in test)
        alone = Counter(re.sub(r"\[.*", "", test) for test, _ in mine if "throwaway_alone" in test)
        assert alone.keys() < tests.keys(), "without an importer there is no round trip to try"
        assert "test_totals_add_up" in alone


@pytest.mark.slow
def test_what_shows_no_example_is_tried_as_far_as_that_goes_and_said_to_be(tmp_path: Path) -> None:
    text = source("tools").partition("EXAMPLE = ")[0]
    write_package(tmp_path / "site", "bare_plugins", {"log": text}, {("tools", "bare"): "bare_plugins.log"})
    found = suite(tmp_path / "site", "bare", SUITES["tools"], ci="")
    assert [(test, how) for _, test, how in found if "[bare" in test] == [
        ("test_every_source_shows_calls[bare]", "skipped"),
        ("test_an_unknown_option_is_refused[bare]", "passed"),
    ]


# ---------------------------------------------------------------- refused when wrong

CLASSES = {kind: re.findall(r'^__all__ = \["(\w+)"\]', source(kind), re.MULTILINE) for kind in plugins.KINDS}
METHODS = {
    "llms": "aclose", "teachers": "reply", "users": "reply", "modes": "question", "tools": "call", "sandboxes": "sweep",
    "judges": "score", "exporters": "convert", "importers": "trajectories",
}  # fmt: skip


def without_method(kind: str) -> str:
    if kind == "modes":  # PlainMode has them all
        return source(kind).replace("PlainMode", "Mode").replace("engine.modes._plain", "engine.protocols")
    return re.sub(rf"\bdef {METHODS[kind]}\(", "def _other(", source(kind))


WRONG = {
    "no_config": (lambda kind: source(kind).replace("Config", "Settings"), "is not a plug-in. It needs a Config"),
    "loose_config": (
        lambda kind: source(kind).replace("Config(Options)", "Config(BaseModel)").replace("Options", "Frozen")
        .replace("__all__", "from pydantic import BaseModel\n\n__all__", 1),
        "is not a plug-in. It needs a Config, built on Options",
    ),
    "needy_config": (
        lambda kind: re.sub(r"(class Config\(Options\):\n)", r"\1    must: int\n", source(kind)),
        "Config has no default for must. Give every option one.",
    ),
    "two_classes": (
        lambda kind: source(kind).replace("__all__ = [", '__all__ = ["Config", '),
        "is not a plug-in. It needs a Config, built on Options, and one public class in __all__.",
    ),
    "no_method": (without_method, "has no "),
    "no_syntax": (lambda kind: source(kind) + "def (", "cannot be imported: SyntaxError"),
    "ends_all": (lambda kind: source(kind) + "raise SystemExit(3)\n", "cannot be imported: SystemExit: 3"),
}  # fmt: skip


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package whose every offer is wrong in one way."""
    folder = tmp_path_factory.mktemp("wrong")
    modules = {f"{kind}_{fault}": made(kind) for kind in plugins.KINDS for fault, (made, _) in WRONG.items()}
    modules |= {"targets_empty": "FORMS = {}\n", "targets_other": 'FORMS = {"sft": "trl"}\n'}
    offers = {(kind, fault): f"wrong_plugins.{kind}_{fault}" for kind in plugins.KINDS for fault in WRONG}
    offers |= {(kind, "gone"): "wrong_plugins.nowhere" for kind in KINDS}
    offers |= {("targets", fault): f"wrong_plugins.targets_{fault}" for fault in ("empty", "other")}
    offers |= {
        ("judges", "a-name"): "wrong_plugins.judges_no_config",
        ("users", "cls"): "tests.throw_away.users:SigningUser",
    }
    offers |= {("judges", "state"): "wrong_plugins.nowhere", ("targets", "trl"): "wrong_plugins.nowhere"}
    write_package(folder, "wrong_plugins", modules, offers)
    return folder


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_what_is_wrong_is_refused_with_where_and_why(kind: str, wrong: Path) -> None:
    usual, told = plugins.names(kind), {}
    with installed(wrong):
        assert plugins.names(kind) == usual
        for fault in WRONG:
            with pytest.raises(InputError) as refused:
                plugins.load(kind, fault)
            told[fault] = str(refused.value)
        assert set(told.values()) <= set(plugins.broken())
    for fault, (_, why) in WRONG.items():
        assert told[fault].startswith(f"{kind}/{fault} of wrong_plugins (wrong_plugins.{kind}_{fault}): ")
        assert why in told[fault]
    assert re.search(rf"{CLASSES[kind][0]} has no [\w, ]*\b{METHODS[kind]}\b", told["no_method"])
    assert told["no_method"].endswith(f"See {plugins.CONTRACTS[kind].__name__} in engine/protocols.py.")


def test_a_file_dropped_in_wrongly_is_refused_the_same(tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(WRONG["no_config"][0]("judges"))
    (tmp_path / "cut.py").write_text('"""Cut off."""\ndef (')
    with plugins.also_in("judges", tmp_path):
        assert [plugins.label("judges", name) for name in ("odd", "cut")] == ["The last answer is short", "cut"]
        for name, why in (("odd", "is not a plug-in"), ("cut", "cannot be imported: SyntaxError")):
            with pytest.raises(InputError, match=rf"engine/judges/{name}\.py: {why}"):
                plugins.load("judges", name)
        assert len(plugins.broken()) == 2
    assert plugins.broken() == []


def test_wrong_packages_take_nothing_down_and_check_names_each(
    wrong: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNWRIGHT_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    sound = CliRunner().invoke(app, ["check"])
    assert "plug-in " not in sound.output
    with installed(wrong), installed(site):
        assert plugins.load("judges", "state").make.__module__ == "engine.judges.state"
        assert targets.find("trl").title == "TRL"
        assert "throwaway" in targets.names()
        checked = CliRunner().invoke(app, ["check"])
        for name, why in (("gone", "No module named"), ("empty", "It needs FORMS"), ("other", "holds no target")):
            with pytest.raises(InputError, match=why):
                targets.find(name)
        with pytest.raises(InputErrors, match=r"judges\.1: judges/no_method of wrong_plugins .* has no score"):
            parse_batch(b"domains: [ledger]\njudges: [no_method]\n", "b.yaml")
    assert checked.exit_code == sound.exit_code
    told = [line for line in checked.output.splitlines() if line.startswith("plug-in ")]
    assert len(told) == len(set(told)) == len(plugins.KINDS) * len(WRONG) + len(KINDS) + 6
    for part in (
        "judges/state of wrong_plugins (wrong_plugins.nowhere): is left out, as engine/judges/state.py is also named",
        "targets/trl of wrong_plugins (wrong_plugins.nowhere): is left out, as engine/targets/trl.py is also named",
        "llms/gone of wrong_plugins (wrong_plugins.nowhere): cannot be imported: ModuleNotFoundError: No module named",
        "judges/a-name of wrong_plugins (wrong_plugins.judges_no_config): cannot be named 'a-name'. Use letters",
        "users/cls of wrong_plugins (tests.throw_away.users:SigningUser): cannot be imported: ModuleNotFoundError",
    ):
        assert any(part in line for line in told), part


def test_of_two_packages_the_first_serves_and_the_other_is_named(site: Path, tmp_path: Path) -> None:
    text = source("judges").replace("The last answer is short.", "Another one.")
    write_package(tmp_path / "site", "other_plugins", {"judge": text}, {("judges", "brevity"): "other_plugins.judge"})
    with installed(tmp_path / "site"), installed(site):
        assert plugins.label("judges", "brevity") == "The last answer is short"
        (told,) = plugins.broken()
    assert told.startswith(
        "judges/brevity of other_plugins (other_plugins.judge): is left out, as judges/brevity of throw_"
    )


def test_a_damaged_package_hides_no_other_and_is_told(site: Path, tmp_path: Path) -> None:
    write_package(tmp_path / "site", "damaged", {}, {})
    (tmp_path / "site" / "damaged-1.0.dist-info" / "entry_points.txt").write_text("[turnwright.judges]\nno line\n")
    with installed(tmp_path / "site"), installed(site):
        assert {"brevity", "state"} <= set(plugins.names("judges"))
        (told,) = plugins.broken()
    assert told.startswith("The entry points of an installed package cannot be read: ")
