"""The answers of a dialogue, each held against what stood before it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from engine.judging.claims.check import Claim, wrong_claims
from engine.judging.claims.evidence import Evidence
from engine.types import Tool, ToolCall, Turn


def claims_of(turns: Sequence[Turn], tools: Sequence[Tool]) -> Iterator[tuple[int, Claim]]:
    """Yield (index of the turn, claim) for each claim of an assistant's text that does not hold."""
    policy = turns[0].content if turns and turns[0].role == "system" else ""
    evidence = Evidence.of_rules(policy, tuple((tool.name, tool.description) for tool in tools))
    calls: dict[str, ToolCall] = {}
    writes = {tool.name for tool in tools if tool.effect == "write"}
    for index, turn in enumerate(turns):
        if turn.role == "assistant" and turn.content.strip():
            yield from ((index, claim) for claim in wrong_claims(turn.content, evidence))
        if index or turn.role != "system":
            take(turn, evidence, calls, writes)


def take(turn: Turn, evidence: Evidence, calls: dict[str, ToolCall], writes: Collection[str]) -> None:
    """Add what a turn gives; `calls` holds the calls so far by id, `writes` the names of tools that change things."""
    if turn.role == "system":
        evidence.add_policy(turn.content)
    elif turn.role == "user":
        evidence.add_user(turn.content)
    elif turn.role == "tool":
        call = calls.get(turn.tool_call_id or "")
        arguments = call.arguments if call is not None and turn.fault is None else None
        name = turn.name or (call.name if call is not None else "a tool")
        evidence.add_result(name, turn.content, arguments, name in writes)
    calls |= {call.id: call for call in turn.tool_calls}
