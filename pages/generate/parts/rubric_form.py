"""The rubric of the judge as fields: each question with its weight, empty ones for more, and the threshold."""

from __future__ import annotations

import streamlit as st

from engine.judging.rubric import DEFAULT
from engine.planning.pack_lints import unanchored_criteria
from engine.types import Criterion, Rubric
from pages._ui.text import literal
from pages.generate.parts.batch_draft import kept

_ROOM = 2
_UNTOUCHED = "default"


def rubric(start: Rubric | None) -> Rubric | None:
    """Draw the questions and return the rubric: `start` as it is while nothing was changed, else the next version.

    An empty question, or a weight of 0, leaves one out.
    """
    shown = start if start is not None and start.criteria else DEFAULT
    with st.expander(f"What the rubric asks ({len(shown.criteria)} questions)", icon=":material/checklist:"):
        st.caption(
            f"Rubric {literal(shown.id)}, version {shown.version}. The judge answers each question with yes or no, a "
            "reason and the turns that show it. A change makes the next version, which is written into every score. "
            "Questions that a domain or template asks about its own dialogues are asked as well."
        )
        criteria = [_one(number, found) for number, found in enumerate(_with_room(shown.criteria))]
        least = st.slider(
            "Share of yes, by weight, that passes",
            0.0,
            1.0,
            step=0.05,
            **kept("batch_rubric_threshold", float(shown.threshold)),
        )
        asked = tuple(criterion for criterion in criteria if criterion is not None)
        if not asked:
            st.caption(":material/warning: No question is left, so the default ones are asked.")
            return None
        for text in unanchored_criteria(Rubric(id=shown.id, criteria=asked)):
            st.caption(f":material/warning: {literal(text)}")
    if asked == shown.criteria and least == shown.threshold:
        return start
    name = "own" if shown.id == _UNTOUCHED else shown.id
    return Rubric(id=name, version=shown.version + 1, threshold=least, criteria=asked)


def _with_room(criteria: tuple[Criterion, ...]) -> list[Criterion]:
    """Return the criteria and a few empty ones whose ids are not taken."""
    taken = {criterion.id for criterion in criteria}
    free = [name for number in range(1, len(taken) + _ROOM + 1) if (name := f"own_{number}") not in taken]
    return [*criteria, *(Criterion(id=name, question="") for name in free[:_ROOM])]


def _one(number: int, found: Criterion) -> Criterion | None:
    left, right = st.columns([5, 1])
    label = f"Question {number + 1}"
    question = left.text_input(
        label,
        placeholder="A further yes/no question about the whole dialogue",
        max_chars=500,
        **kept(f"batch_rubric_question_{found.id}", found.question),
    )
    weight = right.number_input(
        f"Weight of question {number + 1}",
        0.0,
        100.0,
        step=0.5,
        format="%g",
        **kept(f"batch_rubric_weight_{found.id}", float(found.weight)),
    )
    if found.counts_as_yes:
        left.caption(f"Counts as yes: {literal(found.counts_as_yes)}")
    if found.example_of_no:
        left.caption(f"A no, for example: {literal(found.example_of_no)}")
    if not question.strip() or not weight:
        return None
    return found.model_copy(update={"question": question.strip(), "weight": weight})
