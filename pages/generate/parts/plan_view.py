"""The planned tasks of a batch by mode, domain and number of user turns, and its shortfalls."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from engine.planning.quotas import Quotas, sentences
from engine.types import Batch
from pages._ui.badges import mode_name
from pages._ui.database import db
from pages._ui.format import count, plural
from pages._ui.text import literal
from storage.database import Database
from storage.generating.plans import pinned_quotas

LISTED = 12
"""Domains that are listed in a line; more are shown in the folded table only."""


def quotas(batch: Batch) -> Quotas | None:
    """Return the quotas of a batch whose domains have digests; None where it cannot be planned."""
    return _quotas(db(), batch.model_dump_json())


@st.cache_data(max_entries=64, show_spinner=False)
def _quotas(_db: Database, body: str) -> Quotas | None:
    return pinned_quotas(_db, Batch.model_validate_json(body))


def shortfalls(planned: Quotas, names: Mapping[str, str]) -> None:
    """Draw the shortfalls of the plan, if any. `names` are {domain id: name}."""
    found = sentences(planned.shortfalls, lambda what: names.get(what) or mode_name(what))
    if found:
        st.info("  \n".join(map(literal, found)), icon=":material/balance:")


def counts(planned: Quotas, names: Mapping[str, str]) -> None:
    """Draw how many tasks each mode, domain and number of user turns gets."""
    unserved = [(s.kind, s.what[0]) for s in planned.shortfalls if s.unserved]
    modes = [_entry(mode_name(mode), tasks) for mode, tasks in planned.by_mode().items()]
    modes += [_unserved(mode_name(mode)) for kind, mode in unserved if kind == "mode"]
    turns = [_entry(plural(n, "user turn"), tasks) for n, tasks in planned.by_turns().items()]
    turns += [_unserved(f"{n} user turns") for kind, n in unserved if kind == "turns"]
    labels = _labels(planned, names)
    domains = [
        f"{literal(labels[number])}\N{NO-BREAK SPACE}**{count(n)}**" for number, n in planned.by_domain().items()
    ]
    if len(domains) > LISTED:
        domains = [f"{len(domains)} domains, see the table"]
    for heading, entries in (("Modes", modes), ("Domains", domains), ("Dialogues", turns)):
        st.markdown(f":gray[{heading}:] {' · '.join(entries)}")


def _unserved(name: str) -> str:
    return f":orange-badge[:material/block: {literal(name)}: not served]"


def _entry(name: str, tasks: int) -> str:
    return f"{literal(name)}\N{NO-BREAK SPACE}**{count(tasks)}**"


def parts(planned: Quotas, names: Mapping[str, str]) -> None:
    """Draw the tasks of each domain in each mode; draw it where it is folded away."""
    labels = _labels(planned, names)
    st.dataframe(_table(planned, labels), height="content" if len(labels) <= LISTED else 420, alt="Planned tasks")


def _labels(planned: Quotas, names: Mapping[str, str]) -> list[str]:
    """Return a name for each domain of the batch; one that is in it several times gets a number."""
    ids = planned.domains
    return [
        names.get(id, id) + (f" ({ids[: n + 1].count(id)})" if ids.count(id) > 1 else "") for n, id in enumerate(ids)
    ]


def _table(planned: Quotas, labels: list[str]) -> pd.DataFrame:
    """Return a row for each domain; a dash where it does not serve the mode or has no dialogue of that length."""
    rows = []
    for number, _ in enumerate(labels):
        row = {mode_name(m): count(planned.modes.get((number, m))) for m in planned.by_mode()}
        row |= {plural(n, "user turn"): count(planned.turns.get((number, n))) for n in planned.by_turns()}
        rows.append(row)
    return pd.DataFrame(rows, index=pd.Index(labels, name="Domain"))
