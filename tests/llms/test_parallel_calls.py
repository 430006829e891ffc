"""Several calls in one reply: allowed, forbidden, or as the server does by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.running.models import open_llm
from engine.types import Batch, Completion, DomainShare, Endpoint, Turn
from tests.llms.server import serving
from tests.samples.tools import GET_BALANCE

USER = Turn(role="user", content="What is on A-1 and A-2?")
TWO = {"calls": [{"id": f"c{n}", "name": "get_balance", "arguments": {"account_id": f"A-{n}"}} for n in (1, 2)]}


async def asked(play: dict[str, Any], wanted: str, llm: str, tools: bool = True) -> tuple[Completion, dict[str, Any]]:
    async with serving() as server:
        server.plays = [play]
        endpoint = Endpoint.model_validate(
            {"model": "openai/m", "llm": llm, "api_base": server.base, "attempts": 1, "parallel_calls": wanted}
        )
        made = open_llm(endpoint, "teacher")
        try:
            return await made.complete([USER], [GET_BALANCE] if tools else []), server.requests[-1]
        finally:
            await made.aclose()


@pytest.mark.parametrize("llm", ["openai_compatible", "litellm"])
@pytest.mark.parametrize(("wanted", "sent"), [("auto", None), ("allow", True), ("forbid", False)])
async def test_what_is_sent(llm: str, wanted: str, sent: bool | None) -> None:
    completion, body = await asked(TWO, wanted, llm)
    assert body.get("parallel_tool_calls") is sent
    assert len(completion.turn.tool_calls) == (1 if wanted == "forbid" else 2)
    _, body = await asked({"text": "x"}, wanted, llm, tools=False)
    assert "parallel_tool_calls" not in body


@pytest.mark.parametrize("llm", ["openai_compatible", "litellm"])
async def test_where_they_are_forbidden_the_first_is_kept_and_the_reply_stands_beside_it(llm: str) -> None:
    completion, _ = await asked({**TWO, "text": "Both."}, "forbid", llm)
    assert [call.arguments for call in completion.turn.tool_calls] == [{"account_id": "A-1"}]
    raw = json.loads(completion.raw or "")
    assert (raw["content"], [call["name"] for call in raw["tool_calls"]]) == ("Both.", ["get_balance"] * 2)
    one = {"calls": TWO["calls"][:1]}
    assert (await asked(one, "forbid", llm))[0].raw is None
    text = "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in TWO["calls"])
    written = (await asked({"text": text}, "forbid", llm))[0]
    assert (len(written.turn.tool_calls), written.raw) == (1, text)


def test_the_default_changes_no_fingerprint() -> None:
    def fingerprint(**more: Any) -> str:
        teacher = Endpoint.model_validate({"model": "m", **more})
        return Batch(name="b", domains=(DomainShare(id="d"),), models={"teacher": teacher}).fingerprint

    assert fingerprint() == fingerprint(parallel_calls="auto")
    assert fingerprint() != fingerprint(parallel_calls="forbid")
