"""The @TITLE@ domain: an episode is one dialogue of an assistant, which is the agent, with a scripted user."""

import atexit
import importlib.util
import os
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.types import State

try:
    from ..models import TurnwrightAction, TurnwrightObservation
except ImportError:
    from models import TurnwrightAction, TurnwrightObservation

_RUNTIME = Path(__file__).resolve().parent / "runtime"
_spec = importlib.util.spec_from_file_location("@NAME@_episodes", _RUNTIME / "episodes.py")
episodes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(episodes)

_starting = threading.Lock()
_shared = None


def _runtime():
    """Return the process that plays the tasks, which all sessions of this server share."""
    global _shared
    with _starting:
        if _shared is None:
            # The image sets this: only there are commands of a model apart from the machine.
            _shared = episodes.Runtime(allow_commands=os.environ.get("TURNWRIGHT_COMMANDS") == "allow")
            atexit.register(_shared.close)
        return _shared


class TurnwrightEnvironment(Environment[TurnwrightAction, TurnwrightObservation, State]):
    """One session. The reward is given at the end: what the judges of the domain's batch give this dialogue."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        super().__init__()
        self._state = State(episode_id=str(uuid4()), step_count=0)
        self._episode: int | None = None
        self._task = ""

    def reset(
        self, seed: int | None = None, episode_id: str | None = None, task: str | None = None, **_: Any
    ) -> TurnwrightObservation:
        """Open the task with this id, or the one with the number `seed` (modulo their number; 0 without one)."""
        self.close()
        runtime = _runtime()
        chosen = runtime.tasks[(seed or 0) % len(runtime.tasks)] if task is None else self._named(task)
        opened = runtime.request("open", task=chosen["id"])
        self._episode, self._task = opened["episode"], chosen["id"]
        self._state = State(episode_id=episode_id or str(uuid4()), step_count=0)
        return TurnwrightObservation(task=chosen["id"], messages=opened["messages"], tools=chosen["tools"])

    def _named(self, task: str) -> dict[str, Any]:
        found = next((one for one in _runtime().tasks if one["id"] == task), None)
        if found is None:
            raise ValueError(f"There is no task {task!r} in this environment.")
        return found

    def step(self, action: TurnwrightAction, timeout_s: float | None = None, **_: Any) -> TurnwrightObservation:
        """Give the assistant's next message. A dialogue that cannot be measured raises and has no reward."""
        if self._episode is None:
            raise ValueError("No dialogue is open. Call reset first.")
        self._state.step_count += 1
        reply = action.model_dump(include={"content", "tool_calls", "finish"})
        reply["reasoning"] = action.reasoning or None
        found = _runtime().request("reply", episode=self._episode, reply=reply)
        result = found["result"]
        if result is not None:
            self._episode = None
        return TurnwrightObservation(
            task=self._task,
            messages=found["messages"],
            result=result,
            done=result is not None,
            reward=None if result is None else result["reward"],
        )

    @property
    def state(self) -> State:
        return self._state

    def close(self) -> None:
        if self._episode is not None:
            _runtime().request("close", episode=self._episode)
            self._episode = None
