"""The fields of a batch, except its players (players_form.py). Each function draws a part and returns values for
types.Batch; batch_draft.py keeps the edits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from engine import modes, plugins
from engine.planning.tasks import serves
from engine.types import (
    ANY_LANGUAGE,
    LANGUAGES,
    MODES,
    PLAN_VERSIONS,
    Batch,
    Choice,
    Domain,
    DomainShare,
    Endpoint,
    Mode,
)
from pages._ui.badges import mode_name, plays_reference
from pages._ui.routes import page_link
from pages._ui.text import literal
from pages.generate.parts import budget_form
from pages.generate.parts.batch_draft import OLD_PLAN, USUAL, among, base, kept, several
from storage import preferences
from storage.database import Database
from storage.designing import domains, personas
from storage.designing.domains import DomainRow
from storage.generating import batches

TURNS: dict[int, float] = {1: 3.0, 2: 1.0}


# ---------------------------------------------------------------- what


def what(db: Database) -> dict[str, Any]:
    """Draw name, seed, domains, number of trajectories and attempts."""
    start = base()
    rows = domains.list_domains(db)
    known = [row.id for row in rows if not row.lacks]
    labels = _labels(rows)
    usual = f"batch {batches.count_batches(db) + 1}"
    left, right = st.columns([3, 2])
    name = left.text_input("Name", max_chars=120, **kept("batch_name", start.name if start else usual))
    seed = right.number_input(
        "Seed", 0, 2**31, help="Same seed, same tasks.", **kept("batch_seed", start.seed if start else 0)
    )
    wanted = [share.id for share in start.domains] if start else _latest([row for row in rows if not row.lacks])
    chosen = st.multiselect(
        "Domains",
        known,
        format_func=lambda d: labels.get(d, d),
        placeholder="Choose at least one",
        **several("batch_domains", wanted, known),
    )
    _unfinished([row for row in rows if row.lacks])
    left, middle, right = st.columns(3)
    number = left.number_input(
        "Trajectories", 1, 1_000_000, **kept("batch_trajectories", start.trajectories if start else 20)
    )
    attempts = middle.number_input(
        "Attempts per task",
        1,
        64,
        **kept("batch_attempts", start.attempts if start else 1),
        help="More than one gives several trajectories of the same task, for comparison and preference pairs.",
    )
    tasks = -(-int(number) // int(attempts))
    right.metric("Tasks", f"{tasks:,}", help="Each task is proven by replay before anyone talks about it.")
    return {
        "name": name.strip(),
        "seed": int(seed),
        "domains": _shares(db, chosen, labels, start),
        "trajectories": int(number),
        "attempts": int(attempts),
    }


def _labels(rows: list[DomainRow]) -> dict[str, str]:
    """Return a unique label for each domain, since the browser identifies choices by their labels."""
    times = Counter(row.name for row in rows)
    return {row.id: row.name if times[row.name] == 1 else f"{row.name} ({row.id})" for row in rows}


def _latest(rows: list[DomainRow]) -> list[str]:
    """Return the domain that was saved last as the only choice: a new batch is mostly about what somebody works on."""
    return [max(rows, key=lambda row: row.updated_at).id] if rows else []


def _unfinished(rows: list[DomainRow]) -> None:
    """Draw which domains are not offered, and why."""
    with st.container(key="unfinished_domains", gap="small"):
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                sentence = f"{row.name} is not offered: it has {row.lacks} yet."
                st.caption(f":material/construction: {literal(sentence)}", width="content")
                page_link("domain", f"Finish {literal(row.name)}", icon="arrow_forward", id=row.id)


def _shares(db: Database, chosen: list[str], labels: dict[str, str], start: Batch | None) -> list[dict[str, Any]]:
    before = {share.id: share for share in start.domains} if start else {}
    if not chosen:
        return []
    found = []
    with st.expander("Weights and templates of the domains", icon=":material/account_tree:"):
        for id in chosen:
            share = before.get(id) or DomainShare(id=id)
            templates = [template.id for template in domains.get_domain(db, id).templates]
            left, right = st.columns([1, 3])
            weight = left.number_input(
                f"Weight: {literal(labels[id])}",
                0.1,
                100.0,
                step=0.5,
                format="%g",
                **kept(f"batch_weight_{id}", share.weight),
            )
            only = right.multiselect(
                "Templates",
                templates,
                placeholder=f"All {len(templates)} templates",
                **several(f"batch_templates_{id}", list(share.templates), templates),
            )
            found.append({"id": id, "weight": weight, "templates": only})
    return found


# ---------------------------------------------------------------- mix


_UNSERVED = "No template of the chosen domains serves this mode."


def mix(db: Database, chosen: list[dict[str, Any]]) -> dict[str, Any]:
    """Draw the weights of modes and turns, and the personas. `chosen` are the domains as `what` returns them."""
    start = base()
    found: dict[str, Any] = {"modes": _modes(db, chosen, start.modes if start else dict.fromkeys(MODES, 1.0))}
    found["turns"] = _turns(start.turns if start else TURNS)
    rows = personas.list_personas(db)
    names = {row.persona.id: f"{row.persona.name}, {row.persona.occupation}" for row in rows}
    people = st.multiselect(
        "Personas",
        list(names),
        format_func=lambda p: names.get(p, p),
        placeholder=f"All {len(names)} personas, chosen by the seed",
        **several("batch_personas", list(start.personas) if start else [], list(names)),
    )
    return {**found, "personas": people, "plan_version": _old_plan(start)}


def _modes(db: Database, chosen: list[dict[str, Any]], weights: Mapping[Mode, float]) -> dict[Mode, float]:
    """Draw a weight for each installed mode, beginning with `weights`, and which modes no chosen domain serves."""
    there = modes.names()
    served = {
        mode
        for share in chosen
        for mode in _served(domains.get_domain(db, share["id"]), tuple(share["templates"]), there)
    }
    st.caption("Weight of each mode; 0 leaves it out. What a domain cannot serve is taken over by the others.")
    with st.grid(3, min_column_width=140):
        mixed = {
            mode: st.number_input(
                literal(mode_name(mode)),
                0.0,
                100.0,
                step=1.0,
                format="%g",
                disabled=bool(chosen) and mode not in served,
                help=literal(modes.named(mode).help) + ("" if mode in served else f"  \n{_UNSERVED}"),
                **kept(f"batch_mode_{mode}", float(weights.get(mode, 0.0))),
            )
            for mode in there
        }
    if chosen and (missing := [literal(mode_name(mode)) for mode in there if mode not in served]):
        st.caption(f":material/block: No chosen domain serves: {', '.join(missing)}.")
    if gone := [literal(mode) for mode, weight in weights.items() if weight and mode not in there]:
        st.caption(f":material/block: No longer there, so left out: {', '.join(gone)}.")
    return {mode: weight for mode, weight in mixed.items() if weight or mode in MODES}


def _turns(weights: Mapping[int, float]) -> dict[int, float]:
    """Draw a weight for each number of user turns; return those above 0."""
    st.caption("Weight of each number of user turns per dialogue.")
    with st.grid(4, min_column_width=120):
        turns = {
            n: st.number_input(
                f"{n} user turn{'s' if n > 1 else ''}",
                0.0,
                100.0,
                step=1.0,
                format="%g",
                **kept(f"batch_turns_{n}", float(weights.get(n, 0.0))),
            )
            for n in (1, 2, 3, 4)
        }
    return {n: weight for n, weight in turns.items() if weight}


def _old_plan(start: Batch | None) -> int | None:
    """Draw the choice to repeat an older plan, where the form was filled from a batch that has one."""
    version = start.plan_version if start else None
    if version is None or version == PLAN_VERSIONS[-1]:
        return None
    again = st.checkbox(
        f"Share out the tasks as that batch did (plan version {version})",
        **kept(OLD_PLAN, False),
        help="With the same seed it gives the same tasks as before. The newest plan is exact over the whole batch.",
    )
    return version if again else None


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={Domain: lambda domain: domain.digest})
def _served(domain: Domain, only: tuple[str, ...], there: tuple[str, ...]) -> set[str]:
    chosen = [template for template in domain.templates if not only or template.id in only]
    return {mode for mode in there if any(serves(domain, template, mode) for template in chosen)}


# ---------------------------------------------------------------- limits


def limits(db: Database, teacher: Choice, models: Iterable[Endpoint] = ()) -> dict[str, Any]:
    """Draw sandbox, concurrency, limits of a rollout, budget and what is kept."""
    usual = preferences.get(db, "sandbox", "auto")
    start = base() or USUAL.model_copy(update={"sandbox": usual})
    left, middle, right = st.columns(3)
    names = ["auto", *plugins.names("sandboxes")]
    sandbox = left.selectbox(
        "Sandbox",
        names,
        format_func=lambda n: AUTO if n == "auto" else plugins.label("sandboxes", n),
        **among("batch_sandbox", start.sandbox, names),
    )
    flying = middle.number_input("Rollouts in flight", 1, 1024, **kept("batch_concurrency", start.concurrency))
    reward = right.number_input(
        "Smallest reward to keep", 0.0, 1.0, step=0.05, **kept("batch_min_reward", float(start.min_reward))
    )
    languages = [*LANGUAGES, ANY_LANGUAGE]
    language = st.selectbox(
        "Language of the texts",
        languages,
        format_func=lambda code: LANGUAGES.get(code, "Any, not checked"),
        **among("batch_language", start.language, languages),
        help="A model's text in another language is asked for once more, then its rollout is rejected.",
        width=280,
    )
    keep = st.checkbox(
        "Keep failed dialogues too",
        **kept("batch_keep_failures", start.keep_failures),
        help="For preference pairs: a failure is kept with its scores instead of being rejected.",
    )
    risky = not plays_reference(teacher.name) and st.checkbox(
        "Allow model-written commands without isolation",
        **kept("batch_risky", start.allow_unisolated_commands),
        help="Only matters in the local sandbox: bash then acts on this machine with your rights.",
    )
    return {
        "sandbox": sandbox,
        "concurrency": int(flying),
        "language": language,
        "min_reward": reward,
        "keep_failures": keep,
        "allow_unisolated_commands": bool(risky),
        "limits": _rollout_limits(start),
        **_pauses(start, models),
    }


AUTO = "Automatic, isolated where possible"


def _rollout_limits(start: Batch) -> dict[str, Any]:
    now = start.limits
    with st.expander("Limits of one rollout", icon=":material/speed:"), st.grid(5, min_column_width=130):
        return {
            "rounds": st.number_input("Rounds", 1, 100, **kept("batch_rounds", now.rounds)),
            "steps_per_turn": st.number_input("Steps per turn", 1, 100, **kept("batch_steps", now.steps_per_turn)),
            "invalid_calls": st.number_input("Invalid calls", 0, 20, **kept("batch_invalid", now.invalid_calls)),
            "seconds": st.number_input(
                "Seconds", 1.0, 7200.0, step=10.0, format="%g", **kept("batch_seconds", float(now.seconds))
            ),
            "infrastructure_attempts": st.number_input(
                "Tries after our faults", 1, 5, **kept("batch_tries", now.infrastructure_attempts)
            ),
        }


def _pauses(start: Batch, models: Iterable[Endpoint]) -> dict[str, Any]:
    """Draw what pauses the batch: its budget, judges that cannot say, and first trajectories that go wrong alike."""
    with st.expander("Budget of the batch, and what else pauses it", icon=":material/savings:"):
        values = budget_form.fields(start.budget, lambda name, value: kept(f"batch_{name}", value))
        row = st.number_input(
            "Unmeasured in a row",
            0,
            1000,
            **kept("batch_pause_unmeasured", start.pause_unmeasured),
            help="So many trajectories in a row that a judge could not measure pause the batch; 0 never does.",
            width=200,
        )
        early = st.checkbox(
            "Look at the first 20 while they come",
            **kept("batch_early_look", start.early_look),
            help="Pauses the batch, with the reason, when most of them go wrong alike: no call at all, calls that "
            "nobody can read, or calls of a model that fail.",
        )
    budget_form.warn_of_prices(values, models)
    return {"budget": values, "pause_unmeasured": int(row), "early_look": early}
