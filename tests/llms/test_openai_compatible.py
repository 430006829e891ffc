"""Bodies that are not quite JSON."""

from __future__ import annotations

import json

import pytest

from engine.errors import ModelError
from engine.running.models import open_llm
from engine.types import Endpoint, Turn
from tests.llms.server import serving

USER = Turn(role="user", content="Hello.")
BODY = json.dumps({"choices": [{"message": {"content": "Ho \\ud83d ho"}, "finish_reason": "stop"}]}).replace(
    "\\\\", "\\"
)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\ufeff" + BODY.replace(" \\ud83d", ""), "Ho ho"),
        (BODY, "Ho \ufffd ho"),
        ("\ufeff" + BODY, "Ho \ufffd ho"),
    ],
    ids=["byte order mark", "half a character", "both"],
)
async def test_such_a_body_is_read(raw: str, text: str) -> None:
    async with serving() as server:
        server.plays = [{"raw": raw}]
        llm = open_llm(Endpoint(model="m", llm="openai_compatible", api_base=server.base, attempts=1), "teacher")
        try:
            assert (await llm.complete([USER])).turn.content == text
        finally:
            await llm.aclose()


@pytest.mark.parametrize("raw", ["\ufeff", "\ufeff{", '{"choices": NaN}', "\ufeffHello"])
async def test_what_is_none_is_malformed(raw: str) -> None:
    async with serving() as server:
        server.plays = [{"raw": raw}]
        llm = open_llm(Endpoint(model="m", llm="openai_compatible", api_base=server.base, attempts=1), "teacher")
        try:
            with pytest.raises(ModelError) as caught:
                await llm.complete([USER])
        finally:
            await llm.aclose()
    assert caught.value.kind == "malformed"
