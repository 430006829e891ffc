"""The fields of a batch, drawn in parts; each part returns plain values for types.Batch.

Widget keys start with `batch_`. A batch to start from (`base`) gives the first values; what was typed stays in the
session until the batch is launched.
"""

from __future__ import annotations

from typing import Any, cast

import streamlit as st

from engine import plugins
from engine.tasks import modes_of
from engine.types import MODES, Batch, Domain, DomainShare, Endpoint, ModelRole
from pages._ui.badges import MODES as MODE_WORDS
from pages._ui.badges import words
from storage import domains, endpoints, personas, preferences
from storage.database import Database

ROLES: tuple[ModelRole, ...] = ("teacher", "user", "judge")


def what(db: Database, base: Batch | None) -> dict[str, Any]:
    """Draw name, domains, number of trajectories and attempts."""
    rows = domains.list_domains(db)
    known = [row.id for row in rows]
    labels = {row.id: row.name for row in rows}
    wanted = [share.id for share in base.domains if share.id in known] if base else known
    left, right = st.columns([3, 2])
    name = left.text_input("Name", value=base.name if base else "batch", key="batch_name", max_chars=120)
    seed = right.number_input(
        "Seed", 0, 2**31, base.seed if base else 0, key="batch_seed", help="Same seed, same tasks."
    )
    chosen = st.multiselect("Domains", known, wanted, format_func=lambda d: labels.get(d, d), key="batch_domains")
    left, middle, right = st.columns(3)
    number = left.number_input(
        "Trajectories", 1, 1_000_000, base.trajectories if base else 20, key="batch_trajectories"
    )
    attempts = middle.number_input(
        "Attempts per task", 1, 64, base.attempts if base else 1, key="batch_attempts",
        help="More than one gives several trajectories of the same task, for comparison and preference pairs.",
    )  # fmt: skip
    tasks = -(-int(number) // int(attempts))
    right.metric("Tasks", f"{tasks:,}", help="Each task is proven by replay before anyone talks about it.")
    shares = _shares(chosen, labels, base)
    return {
        "name": name,
        "seed": int(seed),
        "domains": shares,
        "trajectories": int(number),
        "attempts": int(attempts),
    }


def _shares(chosen: list[str], labels: dict[str, str], base: Batch | None) -> list[dict[str, Any]]:
    weights = {share.id: share.weight for share in base.domains} if base else {}
    templates = {share.id: list(share.templates) for share in base.domains} if base else {}
    if len(chosen) < 2:
        return [{"id": d, "templates": templates.get(d, [])} for d in chosen]
    with st.expander("Weights of the domains"), st.grid(4):
        return [
            {
                "id": domain,
                "templates": templates.get(domain, []),
                "weight": st.number_input(
                    labels[domain], 0.1, 100.0, weights.get(domain, 1.0), 0.5, key=f"batch_weight_{domain}"
                ),
            }
            for domain in chosen
        ]


def mix(db: Database, base: Batch | None, chosen: list[str]) -> dict[str, Any]:
    """Draw the weights of modes and turns, and the personas."""
    served = {m for d in chosen for m in _served(domains.get_domain(db, d))}
    st.caption("Weight of each mode; 0 leaves it out. A domain that cannot serve a mode gives its share to the others.")
    with st.grid(3, min_column_width=190):
        modes = {
            mode: st.number_input(
                MODE_WORDS[mode], 0.0, 100.0, base.modes.get(mode, 0.0) if base else 1.0, 1.0,
                format="%g", key=f"batch_mode_{mode}", disabled=bool(chosen) and mode not in served,
                help=None if mode in served else "No template of the chosen domains serves this mode.",
            )
            for mode in MODES
        }  # fmt: skip
    st.caption("Weight of each number of user turns per dialogue.")
    default = {1: 3.0, 2: 1.0}
    with st.grid(4, min_column_width=120):
        turns = {
            n: st.number_input(
                f"{n} user turn{'s' if n > 1 else ''}", 0.0, 100.0,
                (base.turns if base else default).get(n, 0.0), 1.0, format="%g", key=f"batch_turns_{n}",
            )
            for n in (1, 2, 3, 4)
        }  # fmt: skip
    rows = personas.list_personas(db)
    names = {row.persona.id: f"{row.persona.name}, {row.persona.occupation}" for row in rows}
    people = st.multiselect(
        "Personas", list(names), list(base.personas) if base else [], format_func=lambda p: names.get(p, p),
        key="batch_personas", placeholder=f"All {len(names)} personas, chosen by the seed",
    )  # fmt: skip
    return {"modes": modes, "turns": {n: w for n, w in turns.items() if w}, "personas": people}


@st.cache_data(max_entries=64, show_spinner=False, hash_funcs={Domain: lambda domain: domain.digest})
def _served(domain: Domain) -> set[str]:
    return {mode for template in domain.templates for mode in modes_of(domain, template)}


def players(db: Database, base: Batch | None) -> dict[str, Any]:
    """Draw teacher, user, judges and the model of every role that needs one."""
    left, right = st.columns(2)
    teacher = _plugin(left, "teachers", "Teacher", base.teacher if base else "reference")
    user = _plugin(right, "users", "Simulated user", base.user if base else "reference")
    names = plugins.names("judges")
    judges = st.pills(
        "Judges", names, selection_mode="multi", key="batch_judges", format_func=words,
        default=[j for j in (base.judges if base else ("rules", "state", "facts")) if j in names],
        help="; ".join(f"{words(n)}: {plugins.label('judges', n)}" for n in names),
    )  # fmt: skip
    needed = [
        role
        for role, wants in (("teacher", teacher == "llm"), ("user", user == "llm"), ("judge", "rubric" in judges))
        if wants
    ]
    return {
        "teacher": teacher,
        "user": user,
        "judges": judges,
        "models": _models(db, cast(list[ModelRole], needed), base),
    }


def _plugin(place: Any, kind: str, label: str, value: str) -> str:
    names = sorted(plugins.names(kind), key=lambda n: n != "reference")
    return str(
        place.selectbox(
            label, names, names.index(value) if value in names else 0, key=f"batch_{kind}",
            format_func=lambda n: plugins.label(kind, n),
        )
    )  # fmt: skip


def _models(db: Database, roles: list[ModelRole], base: Batch | None) -> dict[ModelRole, Endpoint]:
    if not roles:
        return {}
    saved = {row.name: row.endpoint for row in endpoints.list_endpoints(db)}
    if not saved:
        st.warning("No model is set up yet. Add one under Settings, then come back.", icon=":material/key:")
        return {}
    found: dict[ModelRole, Endpoint] = {}
    for role, column in zip(roles, st.columns(len(roles)), strict=True):
        with column:
            before = base.models.get(role) if base else None
            names = list(saved)
            start = next((i for i, n in enumerate(names) if before and saved[n].model == before.model), 0)
            name = st.selectbox(f"Model of the {role}", names, start, key=f"batch_model_{role}")
            heat = st.slider(
                "Temperature", 0.0, 2.0, saved[name].sampling.temperature, 0.1, key=f"batch_heat_{role}_{name}"
            )
            sampling = saved[name].sampling.model_copy(update={"temperature": heat})
            found[role] = saved[name].model_copy(update={"sampling": sampling})
    return found


def limits(db: Database, base: Batch | None, teacher: str) -> dict[str, Any]:
    """Draw sandbox, concurrency, limits of a rollout, budget and what is kept."""
    usual = preferences.get(db, "sandbox", "auto")
    start = base or Batch(name="batch", domains=(DomainShare(id="none"),), sandbox=usual)
    left, middle, right = st.columns(3)
    names = ["auto", *plugins.names("sandboxes")]
    sandbox = left.selectbox(
        "Sandbox", names, names.index(start.sandbox) if start.sandbox in names else 0, key="batch_sandbox",
        format_func=lambda n: words(n) if n == "auto" else plugins.label("sandboxes", n),
    )  # fmt: skip
    flying = middle.number_input("Rollouts in flight", 1, 1024, start.concurrency, key="batch_concurrency")
    reward = right.number_input("Smallest reward to keep", 0.0, 1.0, start.min_reward, 0.05, key="batch_min_reward")
    keep = st.checkbox(
        "Keep failed dialogues too", start.keep_failures, key="batch_keep_failures",
        help="For preference pairs: a failure is kept with its scores instead of being rejected.",
    )  # fmt: skip
    risky = teacher != "reference" and st.checkbox(
        "Allow model-written commands without isolation", start.allow_unisolated_commands, key="batch_risky",
        help="Only matters in the local sandbox: bash then acts on this machine with your rights.",
    )  # fmt: skip
    with st.expander("Limits of one rollout"), st.grid(5, min_column_width=130):
        bounds = {
            "rounds": st.number_input("Rounds", 1, 100, start.limits.rounds, key="batch_rounds"),
            "steps_per_turn": st.number_input("Steps per turn", 1, 100, start.limits.steps_per_turn, key="batch_steps"),
            "invalid_calls": st.number_input("Invalid calls", 0, 20, start.limits.invalid_calls, key="batch_invalid"),
            "seconds": st.number_input("Seconds", 1.0, 7200.0, start.limits.seconds, 10.0, key="batch_seconds"),
            "infrastructure_attempts": st.number_input(
                "Tries after our faults", 1, 5, start.limits.infrastructure_attempts, key="batch_tries"
            ),
        }
    with st.expander("Budget of the batch (reaching one pauses it)"), st.grid(3, min_column_width=150):
        budget = {
            "tokens": st.number_input("Tokens", 1, None, start.budget.tokens, key="batch_tokens"),
            "cost_usd": st.number_input("Dollars", 0.01, None, start.budget.cost_usd, key="batch_cost"),
            "seconds": st.number_input("Seconds of work", 1.0, None, start.budget.seconds, key="batch_time"),
        }
    return {
        "sandbox": sandbox,
        "concurrency": int(flying),
        "min_reward": reward,
        "keep_failures": keep,
        "allow_unisolated_commands": bool(risky),
        "limits": bounds,
        "budget": budget,
    }
