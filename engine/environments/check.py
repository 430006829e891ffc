"""Runs a package before anyone may download it: the reference must earn the full reward, and must not without its
writes.

What runs is what was written: the zip is unpacked into an empty folder, and its own code scores the replies in a
process of its own. Where the tasks come from a batch, its stored dialogues are replayed too, and each must earn what it
earned in the batch.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import plugins
from engine.domains import pack_files
from engine.domains.sources import runs_commands
from engine.environments.contents import Contents, PackagedTask, Reply, replies_of
from engine.environments.package import framework, imported_file
from engine.errors import InputError
from engine.judging.scoring import reward
from engine.types import Trajectory

_SAID_NOTHING = "Done."
_SAME = 1e-6
"""Rewards are rounded to six digits."""


@dataclass(frozen=True)
class Trial:
    """Replies to a task, and what they must earn: exactly `earns`, or anything below 1 where that is None."""

    task: str
    what: str
    replies: tuple[Reply, ...]
    earns: float | None

    def fault(self, earned: float) -> str | None:
        if self.earns is None:
            return f"{self.task}: {self.what} earns the full reward." if earned >= 1 else None
        if abs(earned - self.earns) <= _SAME:
            return None
        return f"{self.task}: {self.what} earns {earned:g}, and should earn {self.earns:g}."


def trials_of(one: PackagedTask) -> Iterator[Trial]:
    """Yield the reference and the reference without its writes; where it writes nothing, without its answers."""
    yield Trial(one.id, "the reference", one.replies, 1.0)
    if one.task.hidden_tests is not None or (one.proof.expected is not None and not one.proof.expected.empty):
        yield Trial(one.id, "the reference without its writes", tuple(_without_writes(one)), None)
    else:
        yield Trial(one.id, "the reference without its answers", tuple(_without_answers(one)), None)


def _without_writes(one: PackagedTask) -> Iterator[Reply]:
    writers = {tool.name for tool in one.task.tools if tool.effect == "write"}
    made = {call.name for reply in one.replies for call in reply.tool_calls}
    dropped = writers if writers & made else made
    for reply in one.replies:
        calls = tuple(call for call in reply.tool_calls if call.name not in dropped)
        if calls or not reply.tool_calls:
            yield reply.model_copy(update={"tool_calls": calls})


def _without_answers(one: PackagedTask) -> Iterator[Reply]:
    for reply in one.replies:
        yield reply if reply.tool_calls else reply.model_copy(update={"content": _SAID_NOTHING})


def recorded_trials(contents: Contents, rows: Sequence[Trajectory]) -> tuple[list[Trial], int]:
    """Return a trial for each stored dialogue that an episode can repeat here, and the number of others: those with
    another user than the reference, without a score, or of a task that is not packaged.

    Packages are run in the local sandbox, which does not isolate. So no dialogue is repeated whose model wrote
    commands, or code that hidden tests would execute.
    """
    if runs_commands(contents.domain):
        return [], len(rows)
    silent = {judge.name for judge in contents.batch.judges}
    found: list[Trial] = []
    for row in rows:
        earned = _earned(row, silent)
        plain = plugins.trait("users", row.user, "reference", False)
        harmless = row.task is None or row.task.hidden_tests is None
        if plain and harmless and earned is not None and row.id in contents.by_id and row.turns:
            found.append(Trial(row.id, f"the dialogue that the batch {row.status}", replies_of(row), earned))
    return found, len(rows) - len(found)


def _earned(row: Trajectory, silent: set[str]) -> float | None:
    """Return what the judges that ask no model gave a dialogue, as an episode gives it; None where it has no reward."""
    if row.end == "unclean" and row.culprit == "agent":
        return 0.0
    return reward([score for score in row.scores if score.source in silent])


def check(archive: bytes, name: str, trials: Sequence[Trial]) -> dict[str, int]:
    """Run the trials in the package that a zip holds, and return how many of each sort were run.

    Raises InputError with what went wrong, and where the package cannot be run here at all.
    """
    with tempfile.TemporaryDirectory(prefix="turnwright-package-") as folder:
        pack_files.write_folder(unpacked(archive), Path(folder) / "package")
        faults = _faults(Path(folder) / "package", name, trials)
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise InputError("package", f"does not hold: {' '.join(faults[:3])}{more}", "Nothing is offered for download.")
    counted: dict[str, int] = {}
    for one in trials:
        counted[one.what] = counted.get(one.what, 0) + 1
    return counted


def unpacked(archive: bytes) -> dict[str, bytes]:
    """Return the files of a package's zip."""
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        return {name: found.read(name) for name in found.namelist()}


def _faults(folder: Path, name: str, trials: Sequence[Trial]) -> list[str]:
    places: dict[Path, list[Trial]] = {}
    for one in trials:
        places.setdefault(framework(name).runtime(folder, one.task), []).append(one)
    found: list[str] = []
    for place, here in places.items():
        found += _faults_at(place, here)
    return found


def _faults_at(place: Path, trials: Sequence[Trial]) -> list[str]:
    """Run trials in the runtime at this place, a few at once."""
    episodes = imported_file(place / "episodes.py")
    with episodes.Runtime(allow_commands=True) as runtime, ThreadPoolExecutor(4) as threads:
        return [fault for fault in threads.map(lambda one: _fault(runtime, one), trials) if fault is not None]


def _fault(runtime: Any, trial: Trial) -> str | None:
    replies = [as_sent(one) for one in trial.replies]
    try:
        found = runtime.request("score", task=trial.task, replies=replies)
    except Exception as error:  # whatever the unpacked package raises is a fault of the package
        return f"{trial.task}: {trial.what} could not be scored: {error}"
    return trial.fault(found["result"]["reward"])


def as_sent(reply: Reply) -> dict[str, Any]:
    """Return a reply as a framework sends it, with arguments that were no JSON as the text that the model wrote."""
    calls = [
        {"id": call.id, "name": call.name, "arguments": call.arguments if call.raw is None else call.raw}
        for call in reply.tool_calls
    ]
    return {"content": reply.content, "reasoning": reply.reasoning, "tool_calls": calls, "finish": reply.finish}


async def checked_in_thread(archive: bytes, name: str, trials: Sequence[Trial]) -> dict[str, int]:
    """Run `check` without blocking the event loop."""
    return await asyncio.to_thread(check, archive, name, trials)
