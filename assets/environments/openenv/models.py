"""What goes to the environment and what comes back."""

from typing import Any

from pydantic import Field

from openenv.core.env_server.types import Action, Observation


class TurnwrightAction(Action):
    """The assistant's next message: a text, or calls of tools."""

    content: str = Field(default="", description="What the assistant says")
    tool_calls: list[dict[str, Any]] = Field(
        default_factory=list, description='Calls: {"id", "name", "arguments"}, arguments as an object or its JSON'
    )
    reasoning: str = Field(default="", description="What the model thought, where its server tells it apart")
    finish: str = Field(default="", description="The finish reason of the model's server; length: it was cut off")


class TurnwrightObservation(Observation):
    """What follows: `messages` since the last action (results of calls, messages of the user; after a reset the system
    prompt too). The reward comes with the last one."""

    task: str = Field(default="", description="The id of the task")
    messages: list[dict[str, Any]] = Field(default_factory=list, description="Messages in OpenAI's chat format")
    tools: list[dict[str, Any]] = Field(default_factory=list, description="The tools that may be called; after a reset")
    result: dict[str, Any] | None = Field(default=None, description="Scores and reasons; with the last observation")
