"""The client of the environment's server."""

from typing import Any

from openenv.core import EnvClient
from openenv.core.client_types import StepResult
from openenv.core.env_server.types import State

from .models import TurnwrightAction, TurnwrightObservation


class TurnwrightEnv(EnvClient[TurnwrightAction, TurnwrightObservation, State]):
    """One session with the server. `reset(task="...")` chooses a task by id, `reset(seed=7)` by number."""

    def _step_payload(self, action: TurnwrightAction) -> dict[str, Any]:
        return action.model_dump(include={"content", "tool_calls", "reasoning", "finish"})

    def _parse_result(self, payload: dict[str, Any]) -> StepResult[TurnwrightObservation]:
        done, reward = payload.get("done", False), payload.get("reward")
        observation = TurnwrightObservation(**payload.get("observation", {}) | {"done": done, "reward": reward})
        return StepResult(observation=observation, reward=reward, done=done)

    def _parse_state(self, payload: dict[str, Any]) -> State:
        return State(episode_id=payload.get("episode_id"), step_count=payload.get("step_count", 0))
