"""Makes the labelled answers and their dialogues: `python -m tests.judges.claims.make_set`.

The answers come from two places. Those in `hand/` were written by hand after reading the dialogue. Those of
`wordings.txt` are sentences that results are filled into, in a spelling that is drawn by seed; then one of the values
is changed, or a sentence of `invented.txt` is added. The labels were made before there was a checker. Make them anew
only with a new way of making them, never to please the checker.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from jinja2 import Environment, StrictUndefined
from jinja2.exceptions import UndefinedError

from engine.serving.choice import open_pool
from engine.types import MODES, Domain, Trajectory, Turn
from tests.judges.claims.dialogues import packs, played
from tests.judges.claims.labelled import ANSWERS, CLEAN, DIALOGUES, HERE, KINDS, Answer
from tests.judges.claims.spellings import CannotErr, Spellings

PER_WORDING = 3
WANTED = {"invented": 34, "wrong_status": 30, "wrong_date": 22, "wrong_id": 22, "other_record": 16, "wrong_amount": 12}
WANTED_CLEAN = 212
"""How many answers of each kind are made from wordings, so that with those by hand half are clean."""
OTHER_SEED = {"code_repair": 1}
"""The seed of the second dialogue of each template, 2 where none stands here: the repairs hardly differ by seed."""
CHATTER = (
    "",
    "",
    "",
    "",
    "Is there one more thing I can do for you?",
    "Just ask if anything is unclear.",
    "Happy to help!",
    "Thanks for your patience.",
)
HELLO = ("", "", "", "Sure. ", "Let me see. ", "Good news: ", "Here you go. ", "Thanks for waiting. ")


async def dialogues() -> dict[str, Trajectory]:
    """Return those of mode multiple, which were read for the answers by hand, and one of another mode for each
    template, by id."""
    found: dict[str, Trajectory] = {}
    pool = await open_pool("local", allow_commands=True)
    try:
        for domain in packs():
            others = [mode for mode in MODES if mode != "multiple"]
            async for one in played(domain, pool, ("multiple",)):
                found[f"{domain.id}/{one.template}"] = one
            for number, template in enumerate(domain.templates):
                turned = others[number % len(others) :] + others[: number % len(others)]
                one_template = domain.model_copy(update={"templates": (template,)})
                async for one in played(one_template, pool, turned, (OTHER_SEED.get(domain.id, 2),)):
                    found[f"{domain.id}/{one.template}/{one.mode}"] = one
                    break
    finally:
        await pool.aclose()
    return found


# ---------------------------------------------------------------- by hand


def by_hand(known: dict[str, Trajectory]) -> Iterator[Answer]:
    for path in sorted((HERE / "hand").iterdir()):
        place, number = ("", 0), 0
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("## "):
                template, turn = line[3:].split()
                place, number = (f"{path.stem}/{template}", int(turn)), 0
                said = known[place[0]].turns[place[1]]
                assert _is_answer(said), place
            elif line and not line.startswith("#"):
                kind, text = line.split("| ", 1)
                number += 1
                yield labelled(f"hand/{place[0]}/{place[1]}/{number}", *place, kind, text, "hand")


def labelled(name: str, dialogue: str, turn: int, kind: str, marked: str, source: str) -> Answer:
    """Return the answer without its marks; they become spans."""
    spans, text = [], ""
    for part in re.split(r"(«[^»]*»)", marked):
        if part.startswith("«"):
            spans.append((len(text), len(text) + len(part) - 2))
            part = part[1:-1]
        text += part
    assert (kind == CLEAN) != bool(spans), (name, marked)
    assert kind in (CLEAN, *KINDS), name
    return Answer(name, dialogue, turn, kind, text, tuple(spans), source)


# ---------------------------------------------------------------- from wordings


def _lines(name: str) -> list[tuple[str, str]]:
    """Return (what stands before the bar, the text) of each entry; an entry may go on in further lines."""
    found: list[tuple[str, str]] = []
    for line in (HERE / name).read_text("utf-8").splitlines():
        if not line or line.startswith("# "):
            continue
        key, bar, text = line.partition("| ")
        if bar and re.fullmatch(r"[a-z_]+( [a-z_0-9]+)*", key):
            found.append((key, text))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}")
    return found


def _places(found: Trajectory, tool: str, needle: str) -> Iterator[tuple[Any, dict[str, Any], int]]:
    """Yield (result, arguments, index of the first answer behind it) for successful calls of a tool. What was read and
    then changed before that answer is left out: a sentence about it would be out of date."""
    calls = {call.id: call for turn in found.turns for call in turn.tool_calls}
    writes = {one.name for one in found.tools if one.effect == "write" and one.name != tool}
    for index, turn in enumerate(found.turns):
        if turn.role != "tool" or turn.name != tool or turn.fault is not None:
            continue
        call = calls[turn.tool_call_id or ""]
        if needle and needle not in json.dumps(call.arguments):
            continue
        answer = next((i for i in range(index + 1, len(found.turns)) if _is_answer(found.turns[i])), None)
        later = found.turns[index + 1 : answer]
        if answer is not None and not any(turn.role == "tool" and turn.name in writes for turn in later):
            try:
                yield json.loads(turn.content), call.arguments, answer
            except json.JSONDecodeError:
                continue


def _is_answer(turn: Turn) -> bool:
    return turn.role == "assistant" and not turn.tool_calls and bool(turn.content)


def _results(turns: Sequence[Turn]) -> dict[str, Any]:
    latest: dict[str, Any] = {}
    for turn in turns:
        if turn.role == "tool" and turn.fault is None:
            try:
                latest[turn.name or ""] = json.loads(turn.content)
            except json.JSONDecodeError:
                continue
    return latest


def from_wordings(known: dict[str, Trajectory]) -> Iterator[Answer]:
    """Yield for each wording some answers of which every kind may be wanted; who calls takes what is missing."""
    rng = random.Random("claims")
    invented = [(key, text) for key, text in _lines("invented.txt")]
    environment = Environment(undefined=StrictUndefined, trim_blocks=False)
    left = Counter({**WANTED, CLEAN: WANTED_CLEAN})
    wordings = [(number, *entry) for number, entry in enumerate(_lines("wordings.txt"))]
    for round_ in range(6):
        for number, key, text in wordings:
            pack, tool, *needle = key.split()
            fitting = [
                (name, *place)
                for name, one in sorted(known.items())
                if one.domain == pack
                for place in _places(one, tool, "".join(needle))
            ]
            rng.shuffle(fitting)
            for name, x, arguments, turn in fitting[:PER_WORDING]:
                kind = _next_kind(left, rng)
                if kind is None:
                    return
                latest = _results(known[name].turns[:turn])
                spell = Spellings(rng, kind, x)
                try:
                    said = environment.from_string(text).render(x=x, a=arguments, r=latest.get, **spell.functions())
                    said = spell.finished(said)
                except (CannotErr, UndefinedError, IndexError, TypeError, ZeroDivisionError):
                    continue
                if not said.strip():
                    continue
                if kind == "invented":
                    extra = rng.choice([entry for own, entry in invented if own == pack])
                    said = f"{said} {extra}" if rng.random() < 0.7 else f"{extra} {said}"
                said = f"{rng.choice(HELLO)}{said} {rng.choice(CHATTER)}".strip()
                left[kind] -= 1
                answer_id = f"wording/{name}/{turn}/{number}/{round_}/{kind}"
                yield labelled(answer_id, name, turn, kind, said, "wording")


def _next_kind(left: Counter[str], rng: random.Random) -> str | None:
    open_kinds = [kind for kind in (CLEAN, *KINDS) if left[kind] > 0]
    return rng.choices(open_kinds, [left[kind] for kind in open_kinds])[0] if open_kinds else None


# ---------------------------------------------------------------- files


def _row(name: str, one: Trajectory, last: int) -> dict[str, Any]:
    turns = [turn.model_dump(exclude_defaults=True) for turn in one.turns[1 : last + 1]]
    return {"id": name, "pack": one.domain, "tools": [tool.name for tool in one.tools], "turns": turns}


def _pack_row(domain: Domain, known: dict[str, Trajectory]) -> dict[str, Any]:
    tools = {tool.name: tool for one in known.values() if one.domain == domain.id for tool in one.tools}
    return {"pack": domain.id, "policy": domain.policy, "tools": [tool.model_dump() for tool in tools.values()]}


def _named_apart(found: Sequence[Answer]) -> Iterator[Answer]:
    """Yield the answers with ids that differ: two results of one tool may give a wording twice before one answer."""
    seen: Counter[str] = Counter()
    for one in found:
        seen[one.id] += 1
        yield one if seen[one.id] == 1 else replace(one, id=f"{one.id}-{seen[one.id]}")


def main() -> None:
    known = asyncio.run(dialogues())
    found, texts = [], set()
    for answer in (*by_hand(known), *from_wordings(known)):
        if (answer.dialogue, answer.turn, answer.text) not in texts:
            texts.add((answer.dialogue, answer.turn, answer.text))
            found.append(answer)
    found = list(_named_apart(found))
    ANSWERS.write_text("".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in found), "utf-8")
    last = {name: max(a.turn for a in found if a.dialogue == name) for name in {a.dialogue for a in found}}
    rows = [_pack_row(domain, known) for domain in packs()]
    rows += [_row(name, known[name], last[name]) for name in sorted(last)]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    DIALOGUES.write_bytes(gzip.compress(data, mtime=0))
    print(len(found), Counter(one.kind for one in found), Counter(one.pack for one in found))


if __name__ == "__main__":
    main()
