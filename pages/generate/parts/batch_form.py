"""The fields of a batch, drawn in parts; each part returns plain values for types.Batch.

Widget keys start with `batch_`. What is typed stays in the browser session while other pages are visited. `start_from`
fills the form from a batch, `start_anew` empties it; the batch it began with is `base()`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from copy import deepcopy
from typing import Any

import streamlit as st

from engine import modes, plugins, settings
from engine.errors import InputError
from engine.planning.players import roles_asked
from engine.planning.tasks import serves
from engine.types import MODES, PLAN_VERSIONS, Batch, Choice, Domain, DomainShare, Endpoint, ModelRole
from pages._ui.badges import mode_name, plays_reference, words
from pages._ui.config_form import config_form
from pages._ui.routes import page_link
from pages._ui.text import literal
from pages.generate.parts import budget_form
from pages.generate.parts.rubric_form import rubric
from storage import batches, domains, endpoints, personas, preferences
from storage.database import Database
from storage.domains import DomainRow

BASE = "base_batch"
OLD_PLAN = "batch_old_plan"
BEGAN = "form_began"
TURNS: dict[int, float] = {1: 3.0, 2: 1.0}
USUAL = Batch(name="batch", domains=(DomainShare(id="none"),))
"""What a form begins with that was filled from nothing."""


def base() -> Batch | None:
    """Return the batch that the form was filled from, or None."""
    found: Batch | None = st.session_state.get(BASE)
    return found


def start_from(batch: Batch, repeat: bool = False) -> None:
    """Fill the form from a batch; with `repeat` in its own plan version. Call it before the form is drawn, or in a
    callback."""
    start_anew()
    st.session_state[BASE] = batch
    st.session_state[OLD_PLAN] = repeat


def start_anew() -> None:
    """Empty the form. Call it before the form is drawn, or in a callback."""
    st.session_state.pop(BASE, None)
    st.session_state.pop(BEGAN, None)
    for key in [k for k in st.session_state if str(k).startswith("batch_")]:
        del st.session_state[key]


def note_began() -> None:
    """Remember what the form began with, once; call it when the form has been drawn."""
    if BEGAN not in st.session_state:
        st.session_state[BEGAN] = deepcopy(_values())


def edited() -> bool:
    """Return whether anything was typed since the form was filled or emptied."""
    began: dict[str, Any] = st.session_state.get(BEGAN, {})
    return any(key in began and began[key] != value for key, value in _values().items())


def _values() -> dict[str, Any]:
    return {str(key): value for key, value in st.session_state.items() if str(key).startswith("batch_")}


def _kept(key: str, value: Any) -> dict[str, Any]:
    """Return the key of a widget that starts with `value` and keeps what is typed for the browser session."""
    st.session_state.setdefault(key, value)
    return {"key": key, "persist_state": "session"}


def _among(key: str, value: Any, options: list[Any]) -> dict[str, Any]:
    """The same for a choice; one that is no longer offered falls back to `value`."""
    if st.session_state.get(key, value) not in options:
        st.session_state.pop(key, None)
    return _kept(key, value if value in options else options[0])


def _several(key: str, values: list[Any], options: list[Any]) -> dict[str, Any]:
    """The same for several choices; those that are no longer offered are left out."""
    held = st.session_state.get(key)
    if held is not None and any(one not in options for one in held):
        st.session_state[key] = [one for one in held if one in options]
    return _kept(key, [one for one in values if one in options])


# ---------------------------------------------------------------- what


def what(db: Database) -> dict[str, Any]:
    """Draw name, seed, domains, number of trajectories and attempts."""
    start = base()
    rows = domains.list_domains(db)
    known = [row.id for row in rows if not row.lacks]
    labels = _labels(rows)
    usual = f"batch {batches.count_batches(db) + 1}"
    left, right = st.columns([3, 2])
    name = left.text_input("Name", max_chars=120, **_kept("batch_name", start.name if start else usual))
    seed = right.number_input(
        "Seed", 0, 2**31, help="Same seed, same tasks.", **_kept("batch_seed", start.seed if start else 0)
    )
    wanted = [share.id for share in start.domains] if start else _latest([row for row in rows if not row.lacks])
    chosen = st.multiselect(
        "Domains",
        known,
        format_func=lambda d: labels.get(d, d),
        placeholder="Choose at least one",
        **_several("batch_domains", wanted, known),
    )
    _unfinished([row for row in rows if row.lacks])
    left, middle, right = st.columns(3)
    number = left.number_input(
        "Trajectories", 1, 1_000_000, **_kept("batch_trajectories", start.trajectories if start else 20)
    )
    attempts = middle.number_input(
        "Attempts per task",
        1,
        64,
        **_kept("batch_attempts", start.attempts if start else 1),
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
    """Return a name for each domain that no other has: the browser tells choices apart by what they are called."""
    times = Counter(row.name for row in rows)
    return {row.id: row.name if times[row.name] == 1 else f"{row.name} ({row.id})" for row in rows}


def _latest(rows: list[DomainRow]) -> list[str]:
    """Return the domain that was saved last, alone: a new batch is mostly about what somebody works on."""
    return [max(rows, key=lambda row: row.updated_at).id] if rows else []


def _unfinished(rows: list[DomainRow]) -> None:
    """Say which domains are not offered, and why."""
    with st.container(key="unfinished_domains", gap="small"):
        for row in rows:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                told = f"{row.name} is not offered: it has {row.lacks} yet."
                st.caption(f":material/construction: {literal(told)}", width="content")
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
                **_kept(f"batch_weight_{id}", share.weight),
            )
            only = right.multiselect(
                "Templates",
                templates,
                placeholder=f"All {len(templates)} templates",
                **_several(f"batch_templates_{id}", list(share.templates), templates),
            )
            found.append({"id": id, "weight": weight, "templates": only})
    return found


# ---------------------------------------------------------------- mix


_UNSERVED = "No template of the chosen domains serves this mode."


def mix(db: Database, chosen: list[dict[str, Any]]) -> dict[str, Any]:
    """Draw the weights of modes and turns, and the personas. `chosen` are the domains as `what` returns them."""
    start = base()
    there, weights = modes.names(), start.modes if start else dict.fromkeys(MODES, 1.0)
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
                **_kept(f"batch_mode_{mode}", float(weights.get(mode, 0.0))),
            )
            for mode in there
        }
    if chosen and (missing := [literal(mode_name(mode)) for mode in there if mode not in served]):
        st.caption(f":material/block: No chosen domain serves: {', '.join(missing)}.")
    if gone := [literal(mode) for mode, weight in weights.items() if weight and mode not in there]:
        st.caption(f":material/block: No longer there, so left out: {', '.join(gone)}.")
    st.caption("Weight of each number of user turns per dialogue.")
    lengths = start.turns if start else TURNS
    with st.grid(4, min_column_width=120):
        turns = {
            n: st.number_input(
                f"{n} user turn{'s' if n > 1 else ''}",
                0.0,
                100.0,
                step=1.0,
                format="%g",
                **_kept(f"batch_turns_{n}", float(lengths.get(n, 0.0))),
            )
            for n in (1, 2, 3, 4)
        }
    rows = personas.list_personas(db)
    names = {row.persona.id: f"{row.persona.name}, {row.persona.occupation}" for row in rows}
    people = st.multiselect(
        "Personas",
        list(names),
        format_func=lambda p: names.get(p, p),
        placeholder=f"All {len(names)} personas, chosen by the seed",
        **_several("batch_personas", list(start.personas) if start else [], list(names)),
    )
    return {
        "modes": {mode: weight for mode, weight in mixed.items() if weight or mode in MODES},
        "turns": {n: weight for n, weight in turns.items() if weight},
        "personas": people,
        "plan_version": _old_plan(start),
    }


def _old_plan(start: Batch | None) -> int | None:
    """Draw the choice to repeat an older plan, where the form was filled from a batch that has one."""
    version = start.plan_version if start else None
    if version is None or version == PLAN_VERSIONS[-1]:
        return None
    again = st.checkbox(
        f"Share out the tasks as that batch did (plan version {version})",
        **_kept(OLD_PLAN, False),
        help="With the same seed it gives the same tasks as before. The newest plan is exact over the whole batch.",
    )
    return version if again else None


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={Domain: lambda domain: domain.digest})
def _served(domain: Domain, only: tuple[str, ...], there: tuple[str, ...]) -> set[str]:
    chosen = [template for template in domain.templates if not only or template.id in only]
    return {mode for mode in there if any(serves(domain, template, mode) for template in chosen)}


# ---------------------------------------------------------------- players


def players(db: Database) -> tuple[dict[str, Any], list[InputError]]:
    """Draw teacher, user, judges, their options and the model of every role that needs one.

    Returned beside the values are the refusals of options that hold what is no value of their kind.
    """
    start = base()
    usual = start or USUAL
    left, right = st.columns(2)
    teacher = _plugin(left, "teachers", "Teacher", usual.teacher.name)
    user = _plugin(right, "users", "Simulated user", usual.user.name)
    names = plugins.names("judges")
    judges = st.pills(
        "Judges",
        names,
        selection_mode="multi",
        format_func=words,
        help="  \n".join(f"**{words(n)}**: {plugins.label('judges', n)}" for n in names),
        **_several("batch_judges", [judge.name for judge in usual.judges], names),
    )
    chosen = [("teachers", teacher, usual.teacher), ("users", user, usual.user)]
    begun = {judge.name: judge for judge in usual.judges}
    chosen += [("judges", name, begun.get(name, Choice(name=name))) for name in judges]
    (teachers, users, *judging), refused = _with_options(chosen)
    batch = USUAL.model_copy(update={"teacher": teachers, "user": users, "judges": tuple(judging)})
    before = start.rubric if start else None
    reads_rubric = any(plugins.trait("judges", name, "reads_rubric", False) for name in judges)
    found = {
        "teacher": teachers,
        "user": users,
        "judges": judging,
        "models": _models(db, roles_asked(batch), start),
        "rubric": rubric(before, _kept) if reads_rubric else before,
    }
    return found, refused


def _plugin(place: Any, kind: str, label: str, value: str) -> str:
    names = sorted(plugins.names(kind), key=lambda name: plugins.load(kind, name).make.asks is not None)
    options = _among(f"batch_{kind}", value, names)
    return str(place.selectbox(label, names, format_func=lambda n: plugins.label(kind, n), **options))


def _with_options(chosen: list[tuple[str, str, Choice]]) -> tuple[list[Choice], list[InputError]]:
    """Draw the options of each chosen (kind, name), folded; return the choices, and what is no value of its kind. The
    options begin with those of the Choice beside a name, where that is of the same name."""
    takes = [(kind, name) for kind, name, _ in chosen if plugins.load(kind, name).config.model_fields]
    fold = st.expander("Options of players and judges", icon=":material/tune:") if takes else nullcontext()
    found: list[Choice] = []
    refused: list[InputError] = []
    with fold:
        for kind, name, before in chosen:
            values: dict[str, Any] = {}
            if (kind, name) in takes:
                st.caption(f"**{words(name)}**: {literal(plugins.label(kind, name))}")
                began = before.options if before.name == name else {}
                config = plugins.load(kind, name).config
                try:
                    values = config_form(config, key=f"batch_{kind}_{name}", values=began, keep=True)
                except InputError as error:
                    refused.append(error)
            found.append(Choice(name=name, options=values))
    return found, refused


def _models(db: Database, roles: list[ModelRole], start: Batch | None) -> dict[ModelRole, Endpoint]:
    if not roles:
        return {}
    saved = {row.name: row.endpoint for row in endpoints.list_endpoints(db)}
    found: dict[ModelRole, Endpoint] = {}
    for role, column in zip(roles, st.columns(len(roles)), strict=True):
        with column:
            before = start.models.get(role) if start else None
            if endpoint := _model(role, saved, before):
                found[role] = endpoint
    if len(found) < len(roles):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(":material/key: No model is set up yet.", width="content")
            page_link("settings", "Add a model", icon="add")
    return found


def _model(role: ModelRole, saved: dict[str, Endpoint], before: Endpoint | None) -> Endpoint | None:
    """Draw the choice for one role: a saved model, or the one that the batch to start from brought along."""
    choices = dict(saved)
    usual = next(iter(saved), "")
    if before:
        plain = before.model_copy(update={"sampling": saved[usual].sampling}) if usual else before
        same = [n for n, e in saved.items() if plain.model_copy(update={"sampling": e.sampling}) == e]
        usual = same[0] if same else f"{before.model} (as it was)"
        choices = choices if same else {usual: before, **choices}
    if not choices:
        return None
    name = st.selectbox(f"Model of the {role}", list(choices), **_among(f"batch_model_{role}", usual, list(choices)))
    endpoint = choices[name]
    heat = (before if before and name == usual else endpoint).sampling.temperature
    heat = st.slider("Temperature", 0.0, 2.0, step=0.1, **_kept(f"batch_heat_{role}_{name}", heat))
    if endpoint.key_variable and settings.key(endpoint.key_variable) is None:
        st.caption(f":material/warning: {literal(endpoint.key_variable)} is not set, so the batch would fail at once.")
    return endpoint.model_copy(update={"sampling": endpoint.sampling.model_copy(update={"temperature": heat})})


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
        **_among("batch_sandbox", start.sandbox, names),
    )
    flying = middle.number_input("Rollouts in flight", 1, 1024, **_kept("batch_concurrency", start.concurrency))
    reward = right.number_input(
        "Smallest reward to keep", 0.0, 1.0, step=0.05, **_kept("batch_min_reward", float(start.min_reward))
    )
    keep = st.checkbox(
        "Keep failed dialogues too",
        **_kept("batch_keep_failures", start.keep_failures),
        help="For preference pairs: a failure is kept with its scores instead of being rejected.",
    )
    risky = not plays_reference(teacher.name) and st.checkbox(
        "Allow model-written commands without isolation",
        **_kept("batch_risky", start.allow_unisolated_commands),
        help="Only matters in the local sandbox: bash then acts on this machine with your rights.",
    )
    return {
        "sandbox": sandbox,
        "concurrency": int(flying),
        "min_reward": reward,
        "keep_failures": keep,
        "allow_unisolated_commands": bool(risky),
        "limits": _rollout_limits(start),
        "budget": _budget(start, models),
    }


AUTO = "Automatic, isolated where possible"


def _rollout_limits(start: Batch) -> dict[str, Any]:
    now = start.limits
    with st.expander("Limits of one rollout", icon=":material/speed:"), st.grid(5, min_column_width=130):
        return {
            "rounds": st.number_input("Rounds", 1, 100, **_kept("batch_rounds", now.rounds)),
            "steps_per_turn": st.number_input("Steps per turn", 1, 100, **_kept("batch_steps", now.steps_per_turn)),
            "invalid_calls": st.number_input("Invalid calls", 0, 20, **_kept("batch_invalid", now.invalid_calls)),
            "seconds": st.number_input(
                "Seconds", 1.0, 7200.0, step=10.0, format="%g", **_kept("batch_seconds", float(now.seconds))
            ),
            "infrastructure_attempts": st.number_input(
                "Tries after our faults", 1, 5, **_kept("batch_tries", now.infrastructure_attempts)
            ),
        }


def _budget(start: Batch, models: Iterable[Endpoint]) -> dict[str, Any]:
    with st.expander("Budget of the batch: reaching one pauses it", icon=":material/savings:"):
        values = budget_form.fields(start.budget, lambda name, value: _kept(f"batch_{name}", value))
    budget_form.warn_of_prices(values, models)
    return values
