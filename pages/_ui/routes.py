"""All pages with their names, files and addresses, and links between them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

PAGES = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Route:
    """One page. `name` is also its address ("" for the overview's); without a section it is not in the menu."""

    name: str
    file: str
    title: str
    icon: str
    section: str | None = None
    help: str | None = None


ROUTES: tuple[Route, ...] = (
    Route(
        "overview",
        "overview/overview.py",
        "Overview",
        "space_dashboard",
        "",
        "What exists, what is moving, what waits for you.",
    ),
    Route(
        "domains",
        "design/domains.py",
        "Domains",
        "account_tree",
        "Design",
        "Policies, tools, workspaces and task templates.",
    ),
    Route("personas", "design/personas.py", "Personas", "groups", "Design", "Who the simulated users are."),
    Route(
        "new-batch",
        "generate/new_batch.py",
        "New batch",
        "add_circle",
        "Generate",
        "Choose what to generate, and launch it.",
    ),
    Route("batches", "generate/batches.py", "Batches", "stacks", "Generate", "Every batch with its progress."),
    Route("queue", "review/review_queue.py", "Queue", "checklist", "Review", "Trajectories waiting for a verdict."),
    Route(
        "scores",
        "analyse/scores.py",
        "Scores",
        "bar_chart",
        "Analyse",
        "Distributions of scores, turns, tokens and cost.",
    ),
    Route("funnel", "analyse/funnel.py", "Funnel", "filter_alt", "Analyse", "Where samples are lost, and why."),
    Route("exports", "export/exports.py", "Exports", "download", "Export", "Recipes and downloads of training files."),
    Route(
        "settings",
        "settings/settings_page.py",
        "Settings",
        "settings",
        "Studio",
        "Models, engine, sandbox and storage.",
    ),
    Route("domain", "design/domain.py", "Domain", "account_tree"),
    Route("tool", "design/tool.py", "Tool", "build"),
    Route("template", "design/template.py", "Task template", "assignment"),
    Route("batch", "generate/batch.py", "Batch", "stacks"),
    Route("trajectory", "review/trajectory.py", "Trajectory", "forum"),
)
BY_NAME = {route.name: route for route in ROUTES}


def st_pages() -> dict[str, list[Any]]:
    """Return the st.Page objects by menu section; hidden ones come last under the first section."""
    sections: dict[str, list[Any]] = {}
    for route in ROUTES:
        page = st.Page(
            PAGES / route.file,
            title=route.title,
            icon=f":material/{route.icon}:",
            url_path=route.name,
            default=route.name == "overview",
            visibility="visible" if route.section is not None else "hidden",
            help=route.help,
        )
        sections.setdefault(route.section or "", []).append(page)
    return sections


def _query(parameters: dict[str, Any]) -> dict[str, str | list[str]]:
    return {
        name: [str(one) for one in value] if isinstance(value, list | tuple) else str(value)
        for name, value in parameters.items()
        if value is not None
    }


def url(page: str, /, **parameters: Any) -> str:
    """Return the address of a page inside the studio, e.g. "/trajectory?id=3"."""
    base = st.get_option("server.baseUrlPath") or ""
    path = "" if page == "overview" else BY_NAME[page].name
    query = urlencode(_query(parameters), doseq=True)
    return f"{'/' + base.strip('/') if base else ''}/{path}" + (f"?{query}" if query else "")


def open_page(page: str, /, **parameters: Any) -> None:
    """Go to a page now. Call it in the page's script, not in a callback."""
    st.switch_page(BY_NAME[page].file, query_params=_query(parameters))


def page_link(page: str, label: str, /, *, icon: str | None = None, **parameters: Any) -> None:
    """Draw a link to a page of the studio that keeps the session."""
    st.page_link(
        BY_NAME[page].file,
        label=label,
        icon=f":material/{icon or BY_NAME[page].icon}:",
        query_params=_query(parameters),
    )


def text_parameter(name: str, default: str = "") -> str:
    """Return a parameter of the address, cut at 200 characters."""
    return str(st.query_params.get(name, default))[:200]


def number_parameter(name: str) -> int | None:
    """Return a whole number of the address that fits a database id, else None."""
    text = text_parameter(name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
