"""The dialog that has stored trajectories judged again, from a batch or from a filtered list."""

from __future__ import annotations

from typing import Any

import streamlit as st

from engine import plugins
from engine.planning.batch_file import batch_of
from engine.types import Batch, Endpoint, TrajectoryFilter, as_profiled
from pages._ui.badges import words
from pages._ui.buttons import button
from pages._ui.database import db
from pages._ui.dialogs import close, dialog, refusals
from pages._ui.format import plural
from pages._ui.routes import open_page, page_link
from storage.generating import endpoints, judgings

_TAKEN = {"rubric", "keep_failures", "min_reward", "concurrency", "pause_unmeasured", "allow_unisolated_commands"}
"""What is judged as in the batch that the trajectories come from."""
ONLY_UNMEASURED = "Only what is unmeasured"


@dialog("Judge again?")
def judge_again(chosen: TrajectoryFilter, source: Batch | None, unmeasured: int = 0) -> None:
    """Ask by which judges the trajectories of a filter are judged again, and queue it as a batch of its own. Bounds and
    rubric are those of `source`; with `unmeasured` trajectories among them, these alone can be chosen."""
    if unmeasured and st.checkbox(ONLY_UNMEASURED, value=True, key="again_only"):
        chosen = chosen.model_copy(update={"statuses": ("unmeasured",)})
    number = judgings.count_judgeable(db(), chosen)
    st.write(
        f"{plural(number, 'trajectory', 'trajectories')} will be judged as stored: nothing is rolled out. The "
        "result stands beside the present scores, which count until you choose otherwise."
    )
    names = sorted(plugins.names("judges"), key=lambda name: plugins.load("judges", name).make.asks is None)
    usual = [name for name in names if plugins.load("judges", name).make.asks is not None]
    judges = st.multiselect(
        "Judges",
        names,
        default=usual,
        format_func=lambda name: f"{words(name)}: {plugins.label('judges', name)}",
        key="again_judges",
        help="Scores of judges that are not chosen stay, and count beside the new ones.",
    )
    asking = any(plugins.load("judges", name).make.asks == "judge" for name in judges)
    models = _models(source) if asking else []
    bounds = _bounds()
    with st.container(horizontal=True):
        ready = bool(judges and number and (models or not asking))
        if button("Judge again", key="again_start", type="primary", icon=":material/gavel:", disabled=not ready):
            _start(chosen, judges, models, source, bounds)
        if button("Cancel", key="again_cancel"):
            close()


def _start(
    chosen: TrajectoryFilter,
    judges: list[str],
    models: list[Endpoint],
    source: Batch | None,
    bounds: dict[str, float | None],
) -> None:
    taken = source.model_dump(mode="json", include=_TAKEN) if source else {}
    values: dict[str, Any] = {
        **taken,
        "name": f"{source.name[:100]}, judged again" if source else "Judged again",
        "domains": [{"id": "stored"}],
        "judges": _with_options(judges, source),
        "models": {"judge": models[0].model_dump(mode="json")} if models else {},
        "panel": [one.model_dump(mode="json") for one in models[1:]],
        "budget": bounds,
        "rejudge": chosen.model_dump(mode="json"),
    }
    number = None
    with refusals():
        number = judgings.create_judging(db(), batch_of(values, "Judge again"))
    if number is not None:
        open_page("batch", id=number)


def _with_options(judges: list[str], source: Batch | None) -> list[Any]:
    """Return the judges, each with the options that it had in the batch."""
    before = {one.name: one.model_dump(mode="json") for one in source.judges} if source else {}
    return [before.get(name, name) for name in judges]


def _models(source: Batch | None) -> list[Endpoint]:
    """Draw the choice of the judges' models among the saved ones and those of the batch; several are a panel."""
    choices = {row.name: as_profiled(row.endpoint, row.profile) for row in endpoints.list_endpoints(db())}
    before = source.models.get("judge") if source else None
    if before is not None and before not in choices.values():
        choices[f"{before.model} (as it was)"] = before
    if not choices:
        st.caption(":material/key: No model is set up yet.")
        page_link("settings", "Add a model", icon="add")
        return []
    names = st.multiselect(
        "Models of the judge",
        list(choices),
        default=next(iter(choices)),
        key="again_models",
        help="Several are a panel: all are asked, and the answer of most counts.",
    )
    return [choices[name] for name in names]


def _bounds() -> dict[str, float | None]:
    """Draw the budget; return its bounds."""
    with st.expander("Budget: reaching one pauses it", icon=":material/savings:"):
        left, right = st.columns(2)
        tokens = left.number_input(
            "Tokens", 1, 10**12, value=None, step=100_000, placeholder="No limit", key="again_tokens"
        )
        dollars = right.number_input(
            "Dollars", 0.01, 1e9, value=None, step=1.0, placeholder="No limit", key="again_dollars"
        )
    return {"tokens": tokens, "cost_usd": dollars}
