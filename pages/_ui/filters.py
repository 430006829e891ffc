"""The filter bar: controls that make a TrajectoryFilter and are kept in the address.

Each control has its own address parameter (kept by Streamlit). Links and charts pass a whole filter as JSON in the
parameter `filter` (`filter_parameters`); on arrival the bar copies it into the controls and removes it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, get_args

import streamlit as st
from pydantic import ValidationError
from streamlit.errors import StreamlitAPIException

from engine import modes
from engine.reviewing.verdicts import ACCEPTED, EFFECTS
from engine.types import STAGES, SUBSETS, VERDICTS_MEAN, Culprit, Outcome, Status, TrajectoryFilter
from pages._ui.badges import CULPRIT, OUTCOME, STANDING, STATUS, mode_name, score_name, words
from pages._ui.buttons import button
from storage.database import Database
from storage.generating.batches import list_batches
from storage.reviewing.reviews import tags_in_use
from storage.reviewing.trajectories import facets

VIEWS: dict[str, TrajectoryFilter] = {
    "To review": TrajectoryFilter(verdicts=("none",), statuses=("kept",)),
    "Failures": TrajectoryFilter(outcomes=("failure",)),
    "Could not be measured": TrajectoryFilter(statuses=("unmeasured",)),
    "Rejected by a judge": TrajectoryFilter(statuses=("rejected",)),
    "Awaits correction": TrajectoryFilter(verdicts=("awaits_correction",)),
    "Accepted": TrajectoryFilter(verdicts=ACCEPTED),
}
"""Filters with a name of their own."""
LONGEST = 4000
LONGEST_TEXT = 200
BATCHES_OFFERED = 200
_LISTS: dict[str, str] = {
    "verdicts": "Verdict",
    "domains": "Domain",
    "modes": "Mode",
    "outcomes": "Outcome",
    "statuses": "Status",
    "batches": "Batch",
    "personas": "Persona",
    "teachers": "Teacher",
    "models": "Model",
    "culprits": "Culprit",
    "reasons": "Reason",
    "tools": "Tool",
    "templates": "Template",
    "stages": "Lost at",
    "tags": "Problem tag",
    "subsets": "Kind of dialogue",
}
_FIXED: dict[str, tuple[str, ...]] = {
    "verdicts": ("none", *(name for name in EFFECTS if name != "none")),
    "outcomes": get_args(Outcome),
    "statuses": get_args(Status),
    "culprits": (*get_args(Culprit), "none"),
    "stages": STAGES[1:],
    "subsets": SUBSETS,
}
_FIRST = ("verdicts", "domains", "modes", "outcomes")
_MORE = (
    "statuses",
    "batches",
    "teachers",
    "models",
    "personas",
    "culprits",
    "reasons",
    "tools",
    "templates",
    "stages",
    "tags",
    "subsets",
)
_ONE: dict[str, tuple[str, dict[Any, str]]] = {
    "reached": ("Came through", {stage: words(stage) for stage in STAGES}),
    "exported": ("Exported", {True: "Exported", False: "Not exported"}),
}
_RANGES: dict[str, tuple[str, str, float, float, float]] = {
    "Reward": ("min_reward", "max_reward", 0.0, 1.0, 0.05),
    "Turns": ("min_turns", "max_turns", 0, 100_000, 1),
    "Tool calls": ("min_tool_calls", "max_tool_calls", 0, 100_000, 1),
    "Tokens": ("min_tokens", "max_tokens", 0, 10**9, 1000),
    "Cost in dollars": ("min_cost_usd", "max_cost_usd", 0.0, 1e6, 0.01),
    "Score": ("score_min", "score_max", 0.0, 1.0, 0.05),
    "Rating": ("min_rating", "max_rating", 1.0, 5.0, 0.5),
}
_NUMBERS = tuple(key for low, high, *_ in _RANGES.values() for key in (low, high))
KEYS = (*_LISTS, "text", "score", *_ONE, *_NUMBERS)


def filter_parameters(chosen: TrajectoryFilter) -> dict[str, str]:
    """Return the address parameters that pass a filter to a page: `open_page("queue", **filter_parameters(f))`."""
    values = chosen.model_dump(mode="json", exclude_defaults=True)
    return {"filter": json.dumps(values, ensure_ascii=False, separators=(",", ":"))} if values else {}


def filter_from_address() -> TrajectoryFilter:
    """Return the filter in the address parameter `filter`; an unreadable one counts as none."""
    return read_filter(str(st.query_params.get("filter", "")))


def read_filter(text: str) -> TrajectoryFilter:
    """Return the filter that `filter_parameters` wrote; unreadable or hostile text gives an empty one."""
    if not text or len(text) > LONGEST:
        return TrajectoryFilter()
    try:
        return TrajectoryFilter.model_validate_json(text)
    except ValidationError:
        return TrajectoryFilter()


def set_filter(chosen: TrajectoryFilter) -> None:
    """Put a filter into the controls of the bar. Call it before the bar is drawn, or in a callback."""
    for field in _LISTS:
        st.session_state[field] = [str(value) for value in getattr(chosen, field)]
    st.session_state["text"] = chosen.text[:LONGEST_TEXT]
    for field in ("score", *_ONE):
        st.session_state[field] = getattr(chosen, field)
    for low, high, least, most, _ in _RANGES.values():
        for field in (low, high):
            value = getattr(chosen, field)
            st.session_state[field] = None if value is None else min(max(value, least), most)
    st.session_state["page"] = 1


def _copy_to_controls(chosen: TrajectoryFilter, choices: dict[str, list[str]]) -> None:
    """Copy the filter of the parameter `filter` into the controls and their own address parameters."""
    set_filter(chosen)
    del st.query_params["filter"]
    parameters: dict[str, Any] = {}
    for field in _LISTS:
        namer = _namer(field, choices)
        parameters[field] = [namer(str(value)) for value in getattr(chosen, field)]
    parameters |= {field: getattr(chosen, field) for field in ("text", *_NUMBERS)}
    parameters["score"] = chosen.score and score_name(chosen.score)
    parameters |= {field: names.get(getattr(chosen, field)) for field, (_, names) in _ONE.items()}
    for name, value in parameters.items():
        if value not in (None, "", []):
            with suppress(StreamlitAPIException):  # bound already: Streamlit itself puts it into the address
                st.query_params[name] = value if isinstance(value, list) else str(value)


def _read_older_verdicts() -> None:
    """Replace older words for verdicts in the address ("Fix") by the standings that they mean now."""
    given = st.query_params.get_all("verdicts")
    if not any(word.lower() in VERDICTS_MEAN for word in given):
        return
    named = {look.word: name for name, look in STANDING.items()}
    found = [one for word in given for one in VERDICTS_MEAN.get(word.lower(), (named.get(word, ""),))]
    st.session_state["verdicts"] = list(dict.fromkeys(filter(None, found)))
    with suppress(StreamlitAPIException):  # bound already: Streamlit itself puts it into the address
        st.query_params["verdicts"] = [STANDING[one].word for one in st.session_state["verdicts"]]


def filter_bar(db: Database) -> TrajectoryFilter:
    """Draw the bar and return its filter. At most one per page."""
    choices = _choices(db)
    if st.query_params.get("filter"):
        _copy_to_controls(filter_from_address(), choices)
    _read_older_verdicts()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="filter_bar"):
        st.text_input(
            "Search",
            key="text",
            bind="query-params",
            type="search",
            live="300ms",
            on_change=_first_page,
            placeholder="Words in any turn",
            icon=":material/search:",
            width=200,
            max_chars=LONGEST_TEXT,
        )
        for field in _FIRST:
            _several(field, choices, width=145)
        with st.popover(_more_label(), icon=":material/tune:", key="filter_more", width="content"):
            _more(choices)
    return _read()


def clear_filter() -> None:
    """Draw a button that empties the bar; it may stand anywhere on the page."""
    button(
        "Clear filters",
        key="filter_clear",
        type="tertiary",
        icon=":material/filter_alt_off:",
        on_click=set_filter,
        args=(TrajectoryFilter(),),
        disabled=not any(st.session_state.get(k) not in (None, "", []) for k in KEYS),
    )


def _more(choices: dict[str, list[str]]) -> None:
    with st.container(width=560):
        left, right = st.columns(2)
        for position, field in enumerate((*_MORE, *_ONE)):
            with (left, right)[position % 2]:
                if field in _ONE:
                    _single(field, *_ONE[field])
                else:
                    _several(field, choices)
        scores = list(dict.fromkeys((*choices["scores"], *filter(None, [st.session_state.get("score")]))))
        with right:
            _single("score", "Score", {score: score_name(score) for score in scores})
        for position, (name, bounds) in enumerate(_RANGES.items()):
            if position % 2 == 0:
                left, right = st.columns(2)
            with (left, right)[position % 2]:
                _range(name, *bounds)


def _several(field: str, choices: dict[str, list[str]], width: Any = "stretch") -> None:
    options = list(dict.fromkeys((*choices.get(field, ()), *(st.session_state.get(field) or ()))))
    st.multiselect(
        _LISTS[field],
        options,
        key=field,
        bind="query-params",
        placeholder="Any",
        on_change=_first_page,
        format_func=_namer(field, choices),
        width=width,
    )


def _single(field: str, label: str, names: dict[Any, str]) -> None:
    st.selectbox(
        label,
        list(names),
        index=None,
        key=field,
        bind="query-params",
        placeholder="Any",
        on_change=_first_page,
        format_func=names.__getitem__,
    )


def _range(name: str, low: str, high: str, least: float, most: float, step: float) -> None:
    left, right = st.columns(2)
    for column, key, word in ((left, low, "from"), (right, high, "to")):
        column.number_input(
            f"{name} {word}",
            least,
            most,
            value=None,
            step=step,
            key=key,
            bind="query-params",
            on_change=_first_page,
            placeholder="Any",
        )


def _first_page() -> None:
    st.session_state["page"] = 1


@st.cache_data(ttl=15, max_entries=8, show_spinner=False, hash_funcs={Database: lambda db: str(db.url)})
def _choices(db: Database) -> dict[str, list[str]]:
    found = facets(db) | {"tags": tags_in_use(db)}
    found["modes"] = list(dict.fromkeys((*modes.names(), *found["modes"])))
    batches = list_batches(db, limit=BATCHES_OFFERED)
    names = {"batches": [str(row.id) for row in batches], "batch_names": [f"#{row.id} {row.name}" for row in batches]}
    return {**found, **{field: list(values) for field, values in _FIXED.items()}, **names}


def _namer(field: str, choices: dict[str, list[str]]) -> Any:
    if field == "verdicts":
        return lambda value: STANDING[value].word
    tables = {"outcomes": OUTCOME, "statuses": STATUS, "culprits": CULPRIT}
    if field == "modes":
        return lambda value: words(value) if value == "none" else mode_name(value)
    if field == "batches":
        names = dict(zip(choices["batches"], choices["batch_names"], strict=True))
        return lambda value: names.get(value, value)
    if field in tables:
        table = tables[field]
        return lambda value: table[None if value == "none" else value].word
    return words if field in ("reasons", "stages", "subsets") else str


def _more_label() -> str:
    more = sum(1 for key in (*_MORE, "score", *_ONE, *_NUMBERS) if _is_set(key))
    return f"More filters ({more})" if more else "More filters"


def _is_set(key: str) -> bool:
    """Return whether a control is set; in the first pass of a page its value is in the address only."""
    if key in st.session_state:
        return st.session_state[key] not in (None, "", [])
    return bool(st.query_params.get(key))


def _read() -> TrajectoryFilter:
    values: dict[str, Any] = {field: tuple(st.session_state.get(field) or ()) for field in _LISTS}
    values["batches"] = tuple(int(value) for value in values["batches"] if value.isdigit())
    values |= {field: st.session_state.get(field) for field in ("score", *_ONE, *_NUMBERS)}
    if values["score"] is None:
        values |= {"score_min": None, "score_max": None}
    return TrajectoryFilter(**values, text=str(st.session_state.get("text") or "").strip())
