"""Claims against results, measured: precision and recall over the labelled answers, on those that may be looked at and
on those that are kept aside, by kind of error and by pack; and no alarm on what the reference says.

    python -m tests.judges.claims.test_claims

prints the figures.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
import pytest_asyncio

from engine.judging.claims.check import Claim, wrong_claims
from engine.judging.claims.dialogue import claims_of
from engine.protocols import SandboxPool
from engine.serving.choice import open_pool
from engine.types import Domain, Tool, Turn
from tests.judges.claims.dialogues import packs, played
from tests.judges.claims.labelled import CLEAN, HERE, KINDS, Answer, answers, dialogues, split
from tests.judges.claims.other_domains import CASES, Case

PRECISION, RECALL = 0.95, 0.8
PARTS = dict(zip(("looked at", "kept aside"), split(answers()), strict=True))


def found_in(answer: Answer) -> list[Claim]:
    """Return the claims of an answer that certainly do not hold."""
    dialogue = dialogues()[answer.dialogue]
    turns = (*dialogue.turns[: answer.turn], Turn(role="assistant", content=answer.text))
    return [claim for index, claim in claims_of(turns, dialogue.tools) if index == answer.turn and claim.certain]


class Figures:
    """How many answers of each kind and pack were found wrong."""

    def __init__(self, part: Sequence[Answer]) -> None:
        self.all: Counter[tuple[str, str]] = Counter((one.kind, one.pack) for one in part)
        self.found: Counter[tuple[str, str]] = Counter((one.kind, one.pack) for one in part if found_in(one))

    def _of(self, counts: Counter[tuple[str, str]], kind: str | None, pack: str | None) -> int:
        return sum(n for (k, p), n in counts.items() if kind in (k, None) and pack in (p, None) and k != CLEAN)

    def recall(self, kind: str | None = None, pack: str | None = None) -> float:
        return self._of(self.found, kind, pack) / max(1, self._of(self.all, kind, pack))

    def precision(self, pack: str | None = None) -> float:
        right = self._of(self.found, None, pack)
        wrong = sum(n for (kind, p), n in self.found.items() if kind == CLEAN and pack in (p, None))
        return right / max(1, right + wrong)

    def lines(self) -> Iterator[str]:
        yield f"precision {self.precision():.3f}, recall {self.recall():.3f} of {sum(self.all.values())} answers"
        yield "  " + ", ".join(f"{kind} {self.recall(kind):.2f}" for kind in KINDS)
        for pack in sorted({pack for _, pack in self.all}):
            yield f"  {pack}: precision {self.precision(pack):.3f}, recall {self.recall(None, pack):.3f}"


@pytest.mark.parametrize("part", list(PARTS))
def test_what_is_wrong_is_found_and_what_is_right_is_not(part: str) -> None:
    figures = Figures(PARTS[part])
    print(*[f"{part}: {line}" for line in figures.lines()], sep="\n")
    assert figures.precision() >= PRECISION
    assert figures.recall() >= RECALL


def test_the_labelled_answers_are_what_they_should_be() -> None:
    found = answers()
    assert len({one.id for one in found}) == len(found) >= 300
    clean = sum(one.kind == CLEAN for one in found)
    assert abs(clean / len(found) - 0.5) < 0.02
    assert {one.kind for one in found} == {CLEAN, *KINDS}
    assert {one.pack for one in found} == {pack.id for pack in packs()}
    assert len([one for one in found if one.source == "hand"]) >= 100
    assert all(0 <= start < end <= len(one.text) for one in found for start, end in one.spans)
    assert 0.25 < len(PARTS["kept aside"]) / len(found) < 0.4


def test_a_wrong_value_is_quoted_where_it_stands() -> None:
    """Of the wrong values that are found nearly all are quoted themselves, and not a right one beside them."""
    wrong = [one for one in PARTS["looked at"] if one.kind != CLEAN]
    hits = [(one, claims) for one in wrong if (claims := found_in(one))]
    assert all(one.text[claim.start : claim.end] == claim.quote for one, claims in hits for claim in claims)
    placed = [
        one for one, claims in hits if any(c.start < end and start < c.end for c in claims for start, end in one.spans)
    ]
    assert len(placed) / len(hits) > 0.98


def test_what_the_reference_said_in_these_dialogues_raises_no_alarm() -> None:
    wrong = {
        (name, index, claim.reason)
        for name, dialogue in dialogues().items()
        for index, claim in claims_of(dialogue.turns, dialogue.tools)
        if claim.certain
    }
    assert wrong == set()


def _more(name: str) -> list[Answer]:
    """Return the answers of a file that were written while the checker was made."""
    found = []
    for line in (HERE / name).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            place, text = line.split("| ", 1)
            dialogue, turn = place.split()
            plain = text.replace("\\n", "\n").replace("«", "").replace("»", "")
            found.append(Answer(line, dialogue, int(turn), name, plain, (), "more"))
    return found


def test_right_answers_as_models_write_them_raise_no_alarm() -> None:
    alarms = {one.id: [claim.reason for claim in claims] for one in _more("right.txt") if (claims := found_in(one))}
    assert alarms == {}


def test_most_wrong_answers_as_models_write_them_are_found() -> None:
    wrong = _more("wrong.txt")
    assert len([one for one in wrong if found_in(one)]) / len(wrong) >= RECALL


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_domains_that_no_pack_has(case: Case) -> None:
    """Nothing right raises an alarm where nobody tuned the rules to the domain, and most that is wrong is found."""
    evidence = case.evidence()
    found = {text: [one.reason for one in wrong_claims(text, evidence) if one.certain] for text in case.right}
    assert {text: reasons for text, reasons in found.items() if reasons} == {}
    hits = [text for text in case.wrong if any(one.certain for one in wrong_claims(text, evidence))]
    assert len(hits) / len(case.wrong) >= 0.65


def test_the_time_grows_with_the_dialogue_and_not_faster() -> None:
    """A dialogue of 200 turns takes about four times as long as one of 50."""
    retail = [dialogue for name, dialogue in dialogues().items() if name.startswith("retail/")]
    turns = [turn for dialogue in retail for turn in dialogue.turns if turn.role != "system"]
    tools = tuple({tool.name: tool for dialogue in retail for tool in dialogue.tools}.values())
    short, long = (min(_cpu([retail[0].turns[0], *turns[:n]], tools) for _ in range(3)) for n in (50, 200))
    assert long / short < 12


def _cpu(turns: Sequence[Turn], tools: Sequence[Tool]) -> float:
    began = time.process_time()
    list(claims_of(turns, tools))
    return time.process_time() - began


# ---------------------------------------------------------------- every template in every mode


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[SandboxPool]:
    opened = await open_pool("local", allow_commands=True)
    yield opened
    await opened.aclose()


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("domain", packs(), ids=lambda domain: domain.id)
async def test_every_reference_rollout_is_grounded(domain: Domain, pool: SandboxPool) -> None:
    rolled = 0
    async for found in played(domain, pool):
        rolled += 1
        grounded = [score for score in found.scores if score.name == "grounded"]
        assert all(score.value == 1.0 for score in grounded), (found.id, grounded)
        assert found.status == "kept", (found.id, found.reason, found.detail)
    assert rolled >= 4 * len(domain.templates)


def main() -> None:
    began = time.process_time()
    for name, part in PARTS.items():
        print(*[f"{name}: {line}" for line in Figures(part).lines()], sep="\n")
    each = (time.process_time() - began) / sum(map(len, PARTS.values()))
    print(f"{each * 1e6:.0f} µs of CPU for a dialogue with its answer")


if __name__ == "__main__":
    main()
