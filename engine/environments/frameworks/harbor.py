"""Harbor: a folder for each task, with a container for the agent and a verifier.

Written for harbor 0.26. The agent talks to the user and calls the tools by a command in its container, which records
its messages. The verifier replays the record in a workspace of its own, so what the agent does to its container earns
nothing. The container holds the tools and the user's messages, but neither answers nor expected changes nor hidden
tests; these come with the verifier.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.domains import pack_files
from engine.environments.contents import Contents, PackagedTask, Reply
from engine.environments.package import GLUE, Making, imported_file
from engine.rolling.clean_replies import declines
from engine.types import Choice, Proof, ProvenTurn, Task, TaskTurn

_SECRET = ("templates/", "hidden/", "questions.yaml")
"""Files of a pack that hold answers, or what a hidden test expects."""
_SCRIPT = "dialogue {words} || exit 1\n"


def files(making: Making) -> dict[str, bytes]:
    """Return the package: a README, and a folder for each task."""
    top = making.name
    found = {f"{top}/README.md": making.glue("harbor", "README.md")}
    for number, one in enumerate(making.contents.tasks):
        made = making.of_one_task(number)
        found |= {f"{top}/{name_of(one)}/{path}": data for path, data in _task_files(made, one).items()}
    return found


def runtime(folder: Path, task: str) -> Path:
    """Return the folder that plays a task, as its verifier unpacks it."""
    (tests,) = folder.glob(f"*/{task}/tests")
    unpacked: Path = imported_file(tests / "score.py").unpacked(tests, folder / "unpacked" / task)
    return unpacked


def name_of(one: PackagedTask) -> str:
    """Return the name of a task's folder."""
    return one.id


def _task_files(making: Making, one: PackagedTask) -> dict[str, bytes]:
    episodes = (GLUE / "episodes.py").read_bytes()
    return {
        "task.toml": _toml(making, one).encode(),
        "instruction.md": making.glue("harbor", "instruction.md"),
        "environment/Dockerfile": making.glue("harbor", "environment/Dockerfile"),
        "environment/requirements.txt": "\n".join([*making.requirements, ""]).encode(),
        "environment/dialogue.py": making.glue("harbor", "environment/dialogue.py"),
        "environment/episodes.py": episodes,
        "environment/code.zip": making.code_zip,
        "environment/contents.zip": pack_files.to_zip(without_answers(making.contents).files()),
        "tests/test.sh": making.glue("harbor", "tests/test.sh"),
        "tests/score.py": making.glue("harbor", "tests/score.py"),
        "tests/episodes.py": episodes,
        "tests/code.zip": making.code_zip,
        "tests/contents.zip": pack_files.to_zip(making.contents.files()),
        "solution/solve.sh": "".join(_solution(one.replies)).encode(),
    }


def _toml(making: Making, one: PackagedTask) -> str:
    task = one.task
    domain = making.contents.domain
    lines = [
        'schema_version = "1.4"',
        "",
        "[task]",
        f"name = {json.dumps(f'turnwright/{domain.id}-{one.id}')}",
        f"description = {json.dumps(f'{domain.name}: {task.template}', ensure_ascii=False)}",
        "",
        "[metadata]",
        f"difficulty = {task.difficulty}",
        f"modes = {json.dumps(list(task.modes))}",
        f"requests = {len(task.turns)}",
        f"domain_version = {json.dumps(domain.digest)}",
        "",
        "[agent]",
        "timeout_sec = 1800.0",
        "",
        "[verifier]",
        "timeout_sec = 600.0",
        "",
        "[environment]",
        "build_timeout_sec = 900.0",
    ]
    return "\n".join([*lines, ""])


def _solution(replies: Sequence[Reply]) -> Iterator[str]:
    """Yield the lines of the script that plays the reference."""
    yield "#!/bin/bash\n# Plays the reference: the calls and answers that the proof of this task made.\n"
    for reply in replies:
        if not reply.tool_calls:
            yield _SCRIPT.format(words=f"say -- {shlex.quote(reply.content)}")
            continue
        words = [word for call in reply.tool_calls for word in (call.name, json.dumps(call.arguments))]
        yield _SCRIPT.format(words=f"call {' '.join(shlex.quote(word) for word in words)}")


def without_answers(contents: Contents) -> Contents:
    """Return contents that play the same dialogue and hold no answer, no expected change and no hidden test. Proofs
    keep only what the user and injected faults need."""
    kept = {name: data for name, data in contents.domain.files.items() if not name.startswith(_SECRET)}
    domain = contents.domain.model_copy(update={"files": kept, "templates": (), "questions": ()})
    batch = contents.batch.model_copy(update={"judges": (Choice(name="rules"),)})
    return Contents(domain, batch, [_open(one) for one in contents.tasks])


def _open(one: PackagedTask) -> PackagedTask:
    pairs = [_open_turn(turn, proven) for turn, proven in zip(one.task.turns, one.proof.turns, strict=True)]
    said = " ".join(turn.say for turn in one.task.turns)
    turns = tuple(turn.model_copy(update={"slots": _spoken(turn.slots, said)}) for turn, _ in pairs)
    changes = {"turns": turns, "hidden_tests": None, "goal": "", "rubrics": ()}
    task: Task = one.task.model_copy(update=changes)
    proof = Proof(task_id=one.proof.task_id, turns=tuple(proven for _, proven in pairs))
    return PackagedTask(spec=one.spec.model_copy(update={"task": task}), proof=proof)


def _spoken(slots: Mapping[str, Any], said: str) -> dict[str, Any]:
    """Return the slots whose values the user says anyway; the others may be what the assistant has to find."""
    return {name: value for name, value in slots.items() if isinstance(value, str) and value and value in said}


def _open_turn(turn: TaskTurn, proven: ProvenTurn) -> tuple[TaskTurn, ProvenTurn]:
    """Return both without what the assistant has to find out. The calls stay where one of them fails on purpose, and an
    answer that refuses stays, because only there may the assistant's refuse too."""
    task_changes: dict[str, object] = {"answer": "", "facts": (), "ask": None, "known": ()}
    proof_changes: dict[str, object] = {"facts": ()}
    if turn.fault is None:
        task_changes |= {"chain": (), "groups": ()}
        proof_changes["calls"] = ()
    if not declines(proven.answer):
        proof_changes["answer"] = ""
    return turn.model_copy(update=task_changes), proven.model_copy(update=proof_changes)
