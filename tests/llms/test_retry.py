"""The waits between tries, told by the sleeps that were asked for."""

from __future__ import annotations

import random

import pytest

from engine.errors import ModelError, ModelFault
from engine.llms._faults import retry_after
from engine.llms._retry import Retry
from engine.types import Endpoint, longest_wait


class Sleeps:
    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)


def failing(*kinds: ModelFault | None, wait: float | None = None):
    left = list(kinds)

    async def attempt() -> str:
        kind = left.pop(0)
        if kind:
            raise ModelError(kind, "no", retry_after=wait)
        return "yes"

    return attempt


async def test_waits_double_with_jitter_and_are_bounded() -> None:
    sleeps = Sleeps()
    retry = Retry(6, first=1.0, longest=5.0, source=random.Random(1), sleep=sleeps)
    assert await retry(failing("server", "timeout", "connection", "malformed", "empty", None)) == ("yes", 6)
    bounds = [(0.1, 0.3), (1, 3), (2, 5), (4, 5), (5, 5)]
    assert all(low <= asked <= high for asked, (low, high) in zip(sleeps.asked, bounds, strict=True))


async def test_the_same_source_gives_the_same_waits() -> None:
    asked = []
    for _ in range(2):
        sleeps = Sleeps()
        await Retry(3, source=random.Random(7), sleep=sleeps)(failing("server", "server", None))
        asked.append(sleeps.asked)
    assert asked[0] == asked[1]


@pytest.mark.parametrize("kind", ["rate_limit", "server"])
async def test_retry_after_is_a_lower_bound(kind: ModelFault) -> None:
    sleeps = Sleeps()
    await Retry(2, first=0.1, sleep=sleeps)(failing(kind, None, wait=9.0))
    assert len(sleeps.asked) == 1
    assert 9.0 <= sleeps.asked[0] <= 9.9


async def test_a_short_retry_after_is_not_made_longer_at_first_and_grows_when_the_limit_stays() -> None:
    sleeps = Sleeps()
    retry = Retry(2, first=4.0, sleep=sleeps)
    assert await retry(failing(*["rate_limit"] * 4, None, wait=0.1)) == ("yes", 5)
    assert 0.1 <= sleeps.asked[0] <= 0.11
    bounds = [(0.4, 1.2), (4, 12), (8, 24)]
    assert all(low <= asked <= high for asked, (low, high) in zip(sleeps.asked[1:], bounds, strict=True))


async def test_a_rate_limit_takes_none_of_the_attempts_until_patience_ends() -> None:
    sleeps = Sleeps()
    retry = Retry(2, patience=60.0, sleep=sleeps)
    assert await retry(failing(*["rate_limit"] * 5, "server", "rate_limit", None)) == ("yes", 8)
    with pytest.raises(
        ModelError, match=r"tried 6 times\) The waits would sum up to 6\d s; the model's patience is 60 s"
    ):
        await retry(failing(*["rate_limit"] * 9, wait=10.5))
    with pytest.raises(ModelError, match="tried 7 times") as caught:
        await retry(failing(*["rate_limit"] * 5, "server", "server"))
    assert "patience" not in str(caught.value)


async def test_one_attempt_is_never_tried_again() -> None:
    sleeps = Sleeps()
    with pytest.raises(ModelError):
        await Retry(1, sleep=sleeps)(failing("rate_limit", None, wait=1.0))
    assert sleeps.asked == []


async def test_no_wait_for_client_errors_nor_after_the_last_try() -> None:
    sleeps = Sleeps()
    with pytest.raises(ModelError) as caught:
        await Retry(5, sleep=sleeps)(failing("bad_request"))
    assert str(caught.value) == "no"
    with pytest.raises(ModelError, match="tried 2 times"):
        await Retry(2, sleep=sleeps)(failing("server", "server"))
    assert len(sleeps.asked) == 1


def test_retry_after_reads_seconds_and_dates() -> None:
    assert retry_after({"Retry-After": "2.5"}) == 2.5
    assert retry_after({"retry-after": "Sat, 01 Jan 2000 00:00:00 GMT"}) == 0.0
    assert (retry_after({"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}) or 0) > 1e6
    assert retry_after({"Retry-After": "soon"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(("patience", "tries"), [(None, 1), (300.0, 2)])
async def test_patience_is_a_setting_of_the_model(patience: float | None, tries: int) -> None:
    sleeps = Sleeps()
    endpoint = Endpoint(model="m", timeout=5, patience=patience)
    retry = Retry(2, patience=longest_wait(endpoint), sleep=sleeps)
    with pytest.raises(ModelError) as caught:
        await retry(failing("rate_limit", "bad_request", wait=120.0))
    assert len(sleeps.asked) == tries - 1
    assert ("asks to wait 120 s; the model's patience is 60 s" in str(caught.value)) == (patience is None)
