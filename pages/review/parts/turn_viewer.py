"""The turn viewer component (assets/turn_*.js): the data that it gets, and storing the marks that it sends.

The component sends an append-only log of marks as state. `store_marks` writes what is new and remembers how far it
got, so a message that arrives twice, late or together with others changes nothing and loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import streamlit as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine import settings
from engine.errors import Conflict, InputError
from engine.reviewing.corrections import ends_at, same_calls
from engine.reviewing.replay import end_of_results
from engine.reviewing.verdicts import corrections
from engine.types import CLAIMS, NOT_TAKEN, SECONDS, USER_CALLS, Review, Trajectory, Turn, UserCall, Verdict
from pages._ui.badges import score_name, words
from pages._ui.format import seconds
from pages._ui.messages import keep_message
from pages._ui.text import CUT, beyond_browsers, literal
from pages.review.parts.conflicts import announced_conflicts
from pages.review.parts.reviewer import LONGEST_NOTE, LONGEST_TAG, REVIEWER, tab, tag_of, undo_last
from pages.review.parts.turning import Way, shown
from storage.database import Database
from storage.reviewing.reviews import ReviewEvent, standings

KEY = "turn_viewer"
FOCUS = "turn_viewer_focus"
OWN_CUT = 200
"""Characters that are shown of one call of the simulated user."""
MOST_CLAIMS = 20
"""Claims that are listed under one turn."""
_ASSETS = settings.ROOT / "assets"
_component = st.components.v2.component(
    "turnwright_turn_viewer",
    css=(_ASSETS / "turn_viewer.css").read_text(),
    js="".join((_ASSETS / f"turn_{part}.js").read_text() for part in ("parts", "remarks", "viewer")),
)


class Seen(BaseModel):
    """The values that the reviewer saw in the fields of a mark. A field that is missing here is overwritten."""

    model_config = ConfigDict(extra="forbid")
    rating: int | None = None
    verdict: str | None = None
    note: str = ""


class Mark(BaseModel):
    """One entry of the log: a rating, a verdict, both (to clear them), a problem tag added or removed, a note, an
    undo, or a move to another trajectory. `trajectory` is the one that the browser showed. Turn None is the whole."""

    model_config = ConfigDict(extra="forbid")
    n: int = Field(ge=1)
    trajectory: int
    turn: int | None = Field(default=None, ge=0)
    rating: Literal[1, 2, 3, 4, 5] | None = None
    verdict: Verdict | None = None
    tag: str = Field(default="", max_length=LONGEST_TAG)
    on: bool = True
    note: str | None = Field(default=None, max_length=LONGEST_NOTE)
    seen: Seen = Seen()
    undo: bool = False
    go: Way | None = None


@dataclass
class Stored:
    """What `store_marks` found beside ratings: the turn to correct, the events that an undo reversed, the trajectory to
    move to, and whether the panel must be redrawn."""

    fix: int | None = None
    undone: tuple[ReviewEvent, ...] = ()
    go: Way | None = None
    panel: bool = False
    marks: int = field(default=0)


def store_marks(db: Database) -> Stored:
    """Store the marks of the component's log that are not stored yet. Raises StorageError."""
    work = (st.session_state.get(KEY) or {}).get("work") or {}
    client, stored = str(work.get("client", ""))[:40], Stored()
    seen: dict[str, int] = st.session_state.setdefault("turn_viewer_seen", {})
    fresh = [mark for mark in _read(work.get("log")) if mark.n > seen.get(client, 0)]
    ratings: list[Mark] = []
    with announced_conflicts():
        for position, mark in enumerate(fresh):
            if _too_late(mark, client, stored):
                seen[client] = mark.n
                continue
            following = fresh[position + 1] if position + 1 < len(fresh) else None
            if _only_rating(mark):
                ratings.append(mark)
                if following is None or not _same_transaction(mark, following):
                    _write_ratings(db, ratings, stored)
                    ratings = []
            else:
                _write(db, mark, stored)
            if stored.go and mark.go:
                _leaving_marks()[client, mark.trajectory] = mark.n
            elif mark.undo and stored.undone:  # the page opens the trajectory of that change instead
                stored.go = None
                _leaving_marks().pop((client, mark.trajectory), None)
            stored.marks += 1
            if not ratings:
                seen[client] = mark.n
    return stored


def _too_late(mark: Mark, client: str, stored: Stored) -> bool:
    """Return whether a key was pressed on a trajectory that the page had left by then, and show that it did nothing.

    A mark from before the move is stored, however late it arrives. So is a note, which was written before, and an undo,
    which reverses the last change on whatever trajectory.
    """
    after_move = (
        mark.note is None and not mark.undo and mark.n > _leaving_marks().get((client, mark.trajectory), mark.n)
    )
    late = after_move or (mark.go and mark.trajectory != shown())
    if late:
        stored.panel = True
        keep_message(f"That key did nothing: the page was turning away from trajectory {mark.trajectory}.", "block")
    return bool(late)


def _leaving_marks() -> dict[tuple[str, int], int]:
    """Return {(viewer, trajectory): number of the mark that left it}, until it is drawn again."""
    found: dict[tuple[str, int], int] = st.session_state.setdefault("turn_viewer_left", {})
    return found


def _read(log: Any) -> list[Mark]:
    found = []
    for entry in log if isinstance(log, list) else ():
        try:
            found.append(Mark.model_validate(entry))
        except ValidationError:
            continue
    return sorted(found, key=lambda mark: mark.n)


def _only_rating(mark: Mark) -> bool:
    fields = mark.model_fields_set - {"n", "trajectory", "turn", "seen"}
    return fields == {"rating"} and mark.turn is not None


def _same_transaction(mark: Mark, following: Mark) -> bool:
    """Return whether two ratings go into one transaction: while turns ascend, so that undo reverses them in order."""
    return (
        _only_rating(following) and following.trajectory == mark.trajectory and (following.turn or 0) > (mark.turn or 0)
    )


def _write_ratings(db: Database, marks: Sequence[Mark], stored: Stored) -> None:
    ratings = {mark.turn: mark.rating for mark in marks if mark.turn is not None}
    seen = {m.turn: m.seen.rating for m in marks if m.turn is not None and "rating" in m.seen.model_fields_set}
    with _dropped_when_refused():
        stored.panel |= not tab().rate_or_wait(db, marks[0].trajectory, ratings, seen)


def _write(db: Database, mark: Mark, stored: Stored) -> None:
    with _dropped_when_refused():
        if mark.undo:
            stored.panel = True
            stored.undone = undo_last(db)
            return
        if tag := tag_of(mark.tag):
            tab().tag(db, mark.trajectory, mark.turn, {tag: mark.on})
        names = [name for name in ("rating", "verdict", "note") if name in mark.model_fields_set]
        changes = {name: getattr(mark, name) for name in names if name != "note" or mark.note is not None}
        seen = mark.seen.model_dump(include=mark.seen.model_fields_set & changes.keys())
        before = standings(db, [mark.trajectory]) if "verdict" in changes else None
        kept = changes and not tab().change_or_wait(db, mark.trajectory, mark.turn, changes, seen)
        stored.go = stored.go if kept else mark.go or stored.go
        stored.panel |= mark.turn is None or mark.verdict == "fix" or bool(kept)
        stored.panel |= before is not None and before != standings(db, [mark.trajectory])
        if mark.verdict == "fix" and mark.turn is not None and not kept:
            stored.fix = mark.turn


@contextmanager
def _dropped_when_refused() -> Iterator[None]:
    """Show why a mark can never be stored, and go on with the next ones."""
    try:
        yield
    except (Conflict, InputError) as error:
        keep_message(literal(str(error)), "error", stays=True)


def viewer(
    number: int,
    trajectory: Trajectory,
    reviews: Sequence[Review],
    known: Sequence[str],
    *,
    on_work: Callable[[], None],
    start: int = 0,
) -> None:
    """Draw the turns of a trajectory with this reviewer's marks. `known` are the problem tags on offer, `on_work` is
    the callback for new marks."""
    work = (st.session_state.get(KEY) or {}).get("work") or {}
    client = str(work.get("client", ""))[:40]
    _leaving_marks().pop((client, number), None)
    expanded = work.get("full") if work.get("trajectory") == number else ()
    whole = {turn for turn in expanded or () if isinstance(turn, int)}
    left_out, took = _left_out(trajectory, reviews), _texts_beside(trajectory)
    data = {
        "trajectory": number,
        "turns": [
            {**_turn(i, turn, trajectory, reviews, whole), "left_out": left_out.get(i), "took": took.get(i)}
            for i, turn in enumerate(trajectory.turns)
        ],
        "known": known,
        "focus": st.session_state.get(FOCUS, [0, 0]),
        "marks": {
            str(r.turn): {"rating": r.rating, "verdict": r.verdict, "tags": r.tags, "note": r.note}
            for r in reviews
            if r.turn is not None and r.reviewer == REVIEWER
        },
        "whole": {"verdict": whole_review.verdict if (whole_review := tab().own_review(reviews, None)) else None},
        "client": client,
        "seen": st.session_state.get("turn_viewer_seen", {}).get(client, 0),
        "start": start if 0 <= start < len(trajectory.turns) else 0,
    }
    _component(key=KEY, data=data, on_work_change=on_work)


def focus_turn(turn: int) -> None:
    """Have the viewer select a turn when it is drawn next."""
    count, _ = st.session_state.get(FOCUS, [0, 0])
    st.session_state[FOCUS] = [count + 1, turn]


def _turn(index: int, turn: Turn, trajectory: Trajectory, reviews: Sequence[Review], whole: set[int]) -> dict[str, Any]:
    cut = len(turn.content) > CUT and index not in whole
    own = tab().own_review(reviews, index)
    return {
        "index": index,
        "role": turn.role,
        "content": turn.content[:CUT] if cut else turn.content,
        "cut": cut,
        "size": len(turn.content),
        "reasoning": turn.reasoning[:CUT] if turn.reasoning else None,
        "calls": _calls(turn),
        "call_id": turn.tool_call_id,
        "name": turn.name,
        "fault": turn.fault,
        "train": turn.train,
        "notes": [
            f"{score_name(score.name)}, {'failed' if score.passed is False else 'see score'}"
            for score in trajectory.scores
            if index in score.evidence and score.passed is not True
        ],
        "claims": _claims(index, trajectory),
        "fix": _fix(own) if own else None,
    }


def _fix(review: Review) -> dict[str, Any] | None:
    if review.fix is None:
        return None
    results = [{"name": result.name, "content": result.content[:CUT]} for result in review.replayed]
    calls = _calls(review.fix)
    return {"content": review.fix.content, "calls": calls, "results": results, "unverified": review.unverified}


def _left_out(trajectory: Trajectory, reviews: Sequence[Review]) -> dict[int, str]:
    """Return {index: why a recorded turn is not exported because of a correction}."""
    turns, end = trajectory.turns, ends_at(trajectory.turns, reviews)
    reasons = {index: "not exported: no longer follows from a correction" for index in range(end, len(turns))}
    for index, review in corrections(reviews).items():
        if index < end and review.fix and not same_calls(turns[index], review.fix):
            results = range(index + 1, end_of_results(turns, index))
            if not review.unverified:  # otherwise there are no new results
                reasons |= dict.fromkeys(results, "replaced by the corrected call's result")
    return reasons


def _texts_beside(trajectory: Trajectory) -> dict[int, str]:
    """Return {index: text beside the turn}: the duration of a call at its result, the calls of the simulated user at
    the message that follows them, and why replies before a turn were not taken."""
    took = {
        one.turn: f"took {seconds(one.value)}"
        for one in trajectory.attachments
        if (one.kind, one.version) == (SECONDS, 1) and isinstance(one.value, int | float)
    }
    users = {one.turn for one in trajectory.attachments if one.kind == USER_CALLS}
    took |= {at: _user_calls_text(trajectory.user_calls(at)) for at in users}
    for one in trajectory.attachments:
        if (one.kind, one.version) == (NOT_TAKEN, 1) and isinstance(one.value, list):
            took[one.turn] = "; ".join(filter(None, (took.get(one.turn), _not_taken_text(one.value))))
    return took


def _not_taken_text(replies: Sequence[Any]) -> str:
    reasons = [words(str(one.get("reason", ""))).lower() for one in replies if isinstance(one, dict)]
    return f"asked once more after a reply that was not taken ({', '.join(reasons)})"


def _user_calls_text(calls: Sequence[UserCall]) -> str:
    texts = [f"{one.name} {json.dumps(one.arguments, ensure_ascii=False)} → {one.content}" for one in calls]
    return "; ".join(["used its own tools", *(one[:OWN_CUT] for one in texts)])


def _claims(index: int, trajectory: Trajectory) -> list[dict[str, Any]]:
    """Return what a turn states and should not, each with its words, the reason, and whether it only warns."""
    noted = [one.value for one in trajectory.attachments if (one.turn, one.kind, one.version) == (index, CLAIMS, 1)]
    entries = [entry for value in noted if isinstance(value, list) for entry in value if isinstance(entry, dict)]
    return [
        {
            "quote": str(entry.get("quote", ""))[:CUT],
            "why": str(entry.get("why", ""))[:CUT],
            "warns": entry.get("certain") is not True,
        }
        for entry in entries[:MOST_CLAIMS]
    ]


def _calls(turn: Turn) -> list[dict[str, Any]]:
    found = []
    for call in turn.tool_calls:
        raw, dumped = call.raw, json.dumps(call.arguments, ensure_ascii=False)
        if raw is None and len(dumped) > CUT:
            raw = dumped[:CUT] + " …"
        arguments = {} if raw is not None else call.arguments
        exact = dumped if raw is None and beyond_browsers(arguments, dumped) else None
        shown = {"id": call.id, "name": call.name, "arguments": arguments, "raw": raw and raw[: CUT + 2]}
        found.append(shown | ({"exact": exact} if exact else {}))
    return found
