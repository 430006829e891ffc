"""The test call of a model endpoint: a dialogue of two steps with a tool, then probes of what else its server can do.

Probes come one after the other, so that a server with little room is not overrun. One that fails is noted in the
profile with the server's reason, and the next one follows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.errors import ModelError
from engine.protocols import LLM, TellsOfServer
from engine.reading.schema import argument_error
from engine.running.models import open_llm
from engine.types import Completion, Endpoint, ModelCall, Profile, Tool, ToolCall, Turn, endpoint_key

TIMES = {"lisbon": "17:42", "oslo": "18:57"}
"""What the probe's tool answers."""
PROBE = Tool(
    name="get_time",
    description="Return the current time in a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    effect="read",
)
_IN_LISBON = re.compile(r"\b(?:17|0?5)\s?[:.h]\s?42\b")
_REPLY = {
    "title": "reply",
    "type": "object",
    "properties": {"city": {"type": "string"}, "population": {"type": "integer"}},
    "required": ["city", "population"],
    "additionalProperties": False,
}
_STEPS = 3
"""Replies with calls that are answered before the model is said to go round in circles."""
_OF_THE_REQUEST = ("bad_request", "tool_parser")
"""Faults by which a server refuses what was asked of it."""
_OF_THE_SERVER = ("server", "malformed", "empty")
"""Faults that may be chance, or what was asked of it."""
_OURS = re.compile(r"call[0-9]{5}")
_NINE = re.compile(r"[A-Za-z0-9]{9}")
_QUOTED = 200


@dataclass(frozen=True)
class Tried:
    """What a test call gave: the last text of the dialogue, whether the tool was called in it, the account of all calls
    together, and the profile."""

    reply: str
    called_tool: bool
    call: ModelCall
    profile: Profile


async def try_endpoint(endpoint: Endpoint) -> Tried:
    """Try an endpoint. Raises ModelError where it gives no reply at all (no server, a wrong key)."""
    # one attempt, since a person waits; several calls are tried even where the endpoint forbids them
    calls = "auto" if endpoint.parallel_calls == "forbid" else endpoint.parallel_calls
    llm = open_llm(endpoint.model_copy(update={"attempts": 1, "parallel_calls": calls}), "teacher")
    probes = _Probes(llm)
    try:
        await probes.tool_dialogue()
        if probes.found.get("tools") is not False:
            await probes.two_calls()
        await probes.schema()
        if isinstance(llm, TellsOfServer):
            probes.found["context_length"] = await llm.context_length()
            probes.found["refused"] = tuple(llm.left_out)
    finally:
        await llm.aclose()
    profile = Profile(
        **probes.found,
        thinking=_thinking(probes.replies),
        ids=_ids(probes.replies),
        faults=probes.faults,
        made_at=time.time(),
        made_for=endpoint_key(endpoint),
    )
    return Tried(probes.reply, probes.called_tool, _total(probes.replies), profile)


@dataclass
class _Probes:
    """The probes of one endpoint, and what they have found so far by the field of Profile."""

    llm: LLM
    found: dict[str, Any] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    replies: list[Completion] = field(default_factory=list)
    reply: str = ""
    called_tool: bool = False

    async def tool_dialogue(self) -> None:
        """Ask for something that needs the tool, give its result and look for it in the answer. Raises ModelError."""
        turns = [Turn(role="user", content="What time is it in Lisbon? Use the tool.")]
        try:
            done = await self._ask(turns, [PROBE])
        except ModelError as error:
            await self._without_tools(error)
            return
        self.reply, self.called_tool = done.turn.content, bool(done.turn.tool_calls)
        if not self.called_tool:
            self._note("tools", False, f"It answered in words and did not call the tool: {self.reply}")
            return
        if wrong := _wrong_call(done.turn.tool_calls[0]):
            self._note("tools", False, wrong)
            return
        try:
            await self._answered(turns, done)
        except ModelError as error:
            refused = False if error.kind in _OF_THE_REQUEST else None
            self._note("tools", refused, f"It called the tool, and the next call failed: {error}")
            return
        if _IN_LISBON.search(self.reply):
            self.found["tools"] = True
        else:
            self._note("tools", False, f"It called the tool, but its answer does not use the result: {self.reply}")

    async def _answered(self, turns: list[Turn], done: Completion) -> None:
        """Give results until the model answers in words."""
        for _ in range(_STEPS):
            turns += [done.turn, *map(_result, done.turn.tool_calls)]
            done = await self._ask(turns, [PROBE])
            self.reply = done.turn.content
            if not done.turn.tool_calls:
                return

    async def _without_tools(self, error: ModelError) -> None:
        """Note why a call with tools failed, if one without them does not fail. Raises the error otherwise."""
        if error.kind not in (*_OF_THE_REQUEST, *_OF_THE_SERVER):
            raise error
        try:
            done = await self._ask([Turn(role="user", content="Say hello in one word.")])
        except ModelError:
            raise error from None
        self.reply = done.turn.content
        self._note("tools", False if error.kind in _OF_THE_REQUEST else None, str(error))

    async def two_calls(self) -> None:
        """Ask for something that needs two calls, and give both results."""
        question = "What time is it in Lisbon, and what time is it in Oslo? Call the tool for both cities at once."
        turns = [Turn(role="user", content=question)]
        try:
            done = await self._ask_twice(turns)
            calls = done.turn.tool_calls
            if len(calls) == 1 and not _wrong_call(calls[0]):
                self.found["parallel"] = "one_by_one"
                return
            if not calls:
                self._note("parallel", None, f"It called no tool: {done.turn.content}")
                return
            if wrong := next(filter(None, map(_wrong_call, calls)), ""):
                self._note("parallel", "broken", wrong)
                return
            if missing := _missing_cities(calls):
                self._note("parallel", None, f"It made {len(calls)} calls, and none of them for {missing}.")
                return
            await self._ask_twice([*turns, done.turn, *map(_result, calls)])
        except ModelError as error:
            # one call went well a moment ago, so what a server refuses now, or twice fails at, is the second call
            broken = error.kind in (*_OF_THE_REQUEST, *_OF_THE_SERVER) and self.found.get("tools") is True
            self._note("parallel", "broken" if broken else None, str(error))
            return
        self.found["parallel"] = "together"

    async def schema(self) -> None:
        """Ask for a JSON object by its schema."""
        question = Turn(role="user", content="Name the capital of Norway and about how many people live there.")
        try:
            done = await self._ask([question], response_schema=_REPLY)
        except ModelError as error:
            self._note("json_schema", False if error.kind in _OF_THE_REQUEST else None, str(error))
            return
        refused = self.llm.refused_forms.get("json_schema") if isinstance(self.llm, TellsOfServer) else None
        if refused is not None:
            self._note("json_schema", False, refused)
        elif done.data is None or _misfit(done.data):
            self._note("json_schema", False, f"Its reply does not fit the schema: {done.turn.content}")
        else:
            self.found["json_schema"] = True

    async def _ask(self, turns: Sequence[Turn], tools: Sequence[Tool] = (), **more: Any) -> Completion:
        done = await self.llm.complete(turns, tools, **more)
        self.replies.append(done)
        return done

    async def _ask_twice(self, turns: Sequence[Turn]) -> Completion:
        """Ask again after a fault that may be chance."""
        try:
            return await self._ask(turns, [PROBE])
        except ModelError as error:
            if error.kind not in _OF_THE_SERVER:
                raise
        return await self._ask(turns, [PROBE])

    def _note(self, name: str, value: Any, why: str) -> None:
        self.found[name] = value
        self.faults[name] = why if len(why) <= 2 * _QUOTED else f"{why[: 2 * _QUOTED]}…"


def _result(call: ToolCall) -> Turn:
    city = str(call.arguments.get("city", "")).partition(",")[0].strip().lower()
    known = TIMES.get(city)
    content = f'{{"city": "{city.title()}", "time": "{known}"}}' if known else "There is no such city."
    return Turn(role="tool", tool_call_id=call.id, name=call.name, content=content)


def _wrong_call(call: ToolCall) -> str:
    """Return what is wrong with a call of the probe's tool, "" when nothing is."""
    if call.name != PROBE.name:
        return f"It called {call.name[:_QUOTED]!r}, and the tool is called {PROBE.name}."
    problem = argument_error(PROBE, call)
    return f"The arguments of its call cannot be used: {problem}" if problem else ""


def _missing_cities(calls: Sequence[ToolCall]) -> str:
    """Return the cities of TIMES that no call asks for, "" when there are none."""
    asked = " ".join(str(call.arguments["city"]).lower() for call in calls)
    return ", ".join(city.title() for city in TIMES if city not in asked)


def _misfit(data: dict[str, Any]) -> str | None:
    return argument_error(PROBE.model_copy(update={"parameters": _REPLY}), ToolCall(id="", name="", arguments=data))


def _thinking(replies: Sequence[Completion]) -> Literal["field", "text", "none"] | None:
    thoughts = [((done.turn.reasoning or "").strip(), done.raw) for done in replies]
    if not any(thought for thought, _ in thoughts):
        return "none" if replies else None
    in_text = any(thought and raw is not None and thought[:40] in raw for thought, raw in thoughts)
    return "text" if in_text else "field"


def _ids(replies: Sequence[Completion]) -> Literal["own", "own_nine", "ours"] | None:
    ids = [call.id for done in replies for call in done.turn.tool_calls]
    own = [id for id in ids if not _OURS.fullmatch(id)]
    if not own:
        return "ours" if ids else None
    return "own_nine" if all(map(_NINE.fullmatch, own)) else "own"


def _total(replies: Sequence[Completion]) -> ModelCall:
    """Return one account of several calls; tokens and cost are None where one of them does not state them."""
    calls = [done.call for done in replies]

    def total(name: str) -> Any:
        values = [getattr(call, name) for call in calls]
        return None if None in values else sum(values)

    totals = {name: total(name) for name in ("prompt_tokens", "completion_tokens", "cost_usd", "seconds", "attempts")}
    return calls[0].model_copy(update={**totals, "left_out": calls[-1].left_out})
