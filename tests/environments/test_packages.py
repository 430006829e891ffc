"""What every package keeps: it holds the product's own code, plays its tasks, and leaves only when it held."""

from __future__ import annotations

import ast
import asyncio
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.domains import catalog
from engine.environments import check, package
from engine.environments.contents import PACK, TASKS, Contents, read
from engine.environments.frameworks.harbor import without_answers
from engine.environments.make import make, of_domain
from engine.environments.package import Making, framework, frameworks
from engine.environments.serve import _answer
from engine.environments.shipped_code import code_files, requirements
from engine.errors import InputError
from engine.serving.choice import open_pool
from engine.settings import ROOT
from engine.types import Domain, Persona
from tests.environments.packages import package_of, played, playing, unpack
from tests.samples.batches import batch_of
from tests.samples.packs import ledger_files
from tests.samples.personas import TESS

pytestmark = pytest.mark.timeout(600)  # a package is run by processes of its own, which a busy machine starts slowly
USUAL = ("harbor",)  # other tests here play a package of OpenEnv


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of the ledger for OpenEnv, unpacked once for all tests here."""
    made = asyncio.run(package_of("openenv", catalog.parse(ledger_files()), TESS, tasks=8))
    return unpack(made, tmp_path_factory.mktemp("package") / "package")


@pytest.mark.parametrize(
    "name", [name if name in USUAL else pytest.param(name, marks=pytest.mark.long) for name in frameworks()]
)
async def test_a_package_plays_its_tasks_with_the_products_own_code(
    name: str, ledger: Domain, persona: Persona, tmp_path: Path
) -> None:
    made = await package_of(name, ledger, persona, tasks=2)
    assert made.trials["the reference"] == made.tasks == 2
    assert sum(made.trials.values()) == 2 * made.tasks
    folder = unpack(made, tmp_path / "package")
    texts = {path: path.read_bytes() for path in folder.rglob("*") if path.suffix in (".py", ".yaml", ".toml", ".json")}
    for path, data in texts.items():
        if path.suffix == ".py":
            ast.parse(data)
        elif path.suffix == ".yaml":
            yaml.safe_load(data)
    assert not [path for path, data in texts.items() if b"@NAME@" in data or b"@TITLE@" in data]
    (task, *_) = [one["spec"]["id"] for one in _tasks(folder, name)]
    place = framework(name).runtime(folder, task)
    ours = {path.relative_to(place / "code"): path for path in (place / "code").rglob("*.py")}
    assert Path("engine/judges/state.py") in ours
    assert all(path.read_bytes() == (ROOT / relative).read_bytes() for relative, path in ours.items())


def _tasks(folder: Path, name: str) -> list[Any]:
    """Return the lines of every tasks.jsonl in an unpacked package; Harbor's lie in zips, one a task."""
    if name == "harbor":
        return [{"spec": {"id": path.parent.parent.name}} for path in folder.rglob("tests/score.py")]
    return [json.loads(line) for path in folder.rglob(TASKS) for line in path.read_text().splitlines()]


def test_an_episode_asks_and_tells_as_a_rollout_does(unpacked: Path) -> None:
    held = read(framework("openenv").runtime(unpacked, ""))
    with playing(unpacked, "openenv") as runtime:
        assert [one["id"] for one in runtime.tasks] == [one.id for one in held.tasks]
        first = held.tasks[0]
        opened = runtime.request("open", task=first.id)
        assert [message["role"] for message in opened["messages"]] == ["system", "user"]
        assert played(runtime, first.id, first.replies)["reward"] == 1.0
        assert played(runtime, first.id, ()) is None, "nobody replied, so it is not over"
        left = runtime.request("score", task=first.id, replies=[])["result"]
        assert (left["reward"], left["kept"], left["reason"]) == (0.0, False, "given_up")
        unknown = {"content": "", "tool_calls": [{"id": "a", "name": "no_such_tool", "arguments": "{"}]}
        answer = runtime.request("reply", episode=opened["episode"], reply=unknown)
        assert "There is no tool no_such_tool" in answer["messages"][0]["content"]
        assert answer["messages"][0]["tool_call_id"] == "a"
        runtime.request("close", episode=opened["episode"])
        for op, fields in (("open", {"task": "x"}), ("reply", {"episode": 99, "reply": {}}), ("sing", {})):
            with pytest.raises((ValueError, RuntimeError), match="no "):
                runtime.request(op, **fields)


async def test_a_package_that_does_not_hold_is_not_offered(
    ledger: Domain, persona: Persona, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here every judge in the package is content with everything."""
    real = package.Making.code.func  # type: ignore[attr-defined]

    def lenient(making: Any) -> dict[str, bytes]:
        files: dict[str, bytes] = dict(real(making))
        scoring = files["engine/judging/scoring.py"].decode()
        files["engine/judging/scoring.py"] = scoring.replace(
            "return round(sum(means)", "return 1.0 or round(sum(means)"
        ).encode()
        return files

    monkeypatch.setattr(package.Making, "code", property(lenient))
    pool = await open_pool("local")
    try:
        with pytest.raises(InputError, match=r"does not hold: .*without its (writes|answers) earns the full reward"):
            await make("nemo_gym", of_domain(ledger, [persona], tasks=2, seed=1), pool)
    finally:
        await pool.aclose()


def test_what_harbors_container_holds_gives_no_answer_away(unpacked: Path, ledger: Domain) -> None:
    held = read(framework("openenv").runtime(unpacked, ""))
    bare = without_answers(Contents(ledger, held.batch, held.tasks))
    files = bare.files()
    assert not [path for path in files if path.startswith((f"{PACK}/templates", f"{PACK}/hidden", f"{PACK}/questions"))]
    for one, whole in zip(bare.tasks, held.tasks, strict=True):
        assert one.replies == ()
        assert one.proof.expected is None
        assert all(not turn.answer and not turn.facts for turn in one.task.turns)
        assert [turn.say for turn in one.task.turns] == [turn.say for turn in whole.task.turns]
        assert all(turn.fault is not None or not turn.chain for turn in one.task.turns)
        said = " ".join(turn.say for turn in one.task.turns)
        assert all(str(value) in said for turn in one.task.turns for value in turn.slots.values())
    assert any(turn.slots for one in held.tasks for turn in one.task.turns), "there is something to hide"


def test_the_name_of_a_domain_ends_no_quotes(ledger: Domain) -> None:
    named = ledger.model_copy(update={"name": 'x"""; import os # `y` \\'})
    making, filled = Making(Contents(named, batch_of(ledger), []), "shop"), 0
    for place in sorted(path for path in package.GLUE.rglob("*.*") if b"@TITLE@" in path.read_bytes()):
        within = place.relative_to(package.GLUE)
        text = making.glue(within.parts[0], "/".join(within.parts[1:])).decode()
        filled += "import os # 'y' '" in text
        if place.suffix == ".py":
            compile(text, place.name, "exec")
        elif place.suffix == ".toml":
            tomllib.loads(text)
        elif place.suffix == ".yaml":
            yaml.safe_load(text)
    assert filled > 2


async def test_a_request_that_no_server_knows_is_answered(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    class Failing:
        async def answer(self, request: object) -> None:
            raise RuntimeError("unforeseen")

    for line in (b"[]", b"{", b'{"id": 3, "op": "reply", "episode": []}'):
        await _answer(Failing(), line)  # type: ignore[arg-type]
    told = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [one["id"] for one in told] == [None, None, 3]
    assert all(one["error"]["message"] for one in told)


def test_the_code_of_a_package_needs_no_studio_database_or_model(ledger: Domain) -> None:
    batch = of_domain(ledger, [], tasks=1, seed=0).batch
    code = code_files(ledger, batch)
    assert not [
        name for name in code if name.startswith(("engine/llms", "engine/serving", "engine/running", "storage"))
    ]
    needed = [line.partition(">")[0].partition("=")[0].lower() for line in requirements(code)]
    assert {"pydantic", "msgspec", "jinja2", "jsonschema", "pyyaml", "openpyxl"} <= set(needed)
    assert not {"litellm", "streamlit", "sqlmodel", "docker"} & set(needed)


def test_an_unknown_framework_is_refused() -> None:
    with pytest.raises(InputError, match="Choose harbor, nemo_gym, openenv, verifiers"):
        package.framework("gym")


def test_trials_ask_for_less_where_a_task_writes_nothing(unpacked: Path) -> None:
    for one in read(framework("openenv").runtime(unpacked, "")).tasks:
        reference, other = check.trials_of(one)
        writes = one.proof.expected is not None and not one.proof.expected.empty
        assert (reference.earns, other.earns) == (1.0, None)
        assert other.what.endswith("writes" if writes else "answers")
        assert other.replies != one.replies
