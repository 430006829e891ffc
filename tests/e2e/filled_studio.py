"""Fills a studio's database so that every page has content, with real rollouts of the engine."""

from __future__ import annotations

from urllib.parse import urlencode

from engine.types import Batch, DomainShare, Endpoint, Recipe, Review, TrajectoryFilter
from pages.review.parts.reviewer import REVIEWER
from storage.database import Database
from storage.designing import domains
from storage.exporting import exports
from storage.generating import batches, endpoints
from storage.reviewing import reviews, trajectories
from storage.serving import engines, requests
from tests.e2e.conftest import Studio, until

SHIPPED = ("retail", "clinic", "office_files", "code_repair")
SHARES = tuple(DomainShare(id=name) for name in SHIPPED)


def fill(studio: Studio) -> None:
    """Let the engine make a whole batch, one with losses and an export; review some and pause a third batch."""
    db = studio.database
    until(lambda: engines.newest(db), 60)
    clueless = Endpoint(model="clueless", llm="scripted", options={"follow": "tools", "text": "No idea."})
    made = {"sandbox": "local", "allow_unisolated_commands": True}
    lossy = {"teacher": "llm", "models": {"teacher": clueless}, "keep_failures": True}
    numbers = [
        batches.create_batch(db, Batch.model_validate({"name": name, "domains": SHARES, **made, **more}))
        for name, more in (("Four domains", {"trajectories": 24}), ("A clueless model", {"trajectories": 8, **lossy}))
    ]
    for number in numbers:
        until(lambda number=number: batches.get_batch(db, number).status == "done", 120)
    review_some(db)
    endpoints.save_endpoint(db, "Small local model", Endpoint(model="small", llm="scripted"), None)
    export = exports.create_export(db, Recipe(name="First file"))
    requests.submit(db, "build_export", {"export_id": export})
    until(lambda: (row := exports.get_export(db, export)) and row.status == "done", 60)
    stopped = Batch(name="Stopped half way", domains=SHARES[:1], trajectories=300, sandbox="local", concurrency=1)
    number = batches.create_batch(db, stopped)
    until(lambda: batches.get_batch(db, number).progress.kept > 3, 60)
    batches.command(db, number, "pause")
    until(lambda: batches.get_batch(db, number).status == "paused", 60)


def review_some(db: Database) -> None:
    """Give eight of the newest kept trajectories a verdict, every fourth a bad one with a note."""
    rows, _ = trajectories.page(db, TrajectoryFilter(statuses=("kept",)), limit=8)
    for place, row in enumerate(rows):
        verdict = "reject" if place % 4 == 3 else "accept"
        reviews.save_review(
            db,
            Review(
                trajectory=row.id,
                reviewer=REVIEWER,
                verdict=verdict,
                rating=2 if verdict == "reject" else 5,
                tags=("wrong tone",) if verdict == "reject" else (),
                note="Too curt for this customer." if verdict == "reject" else "",
            ),
        )


def addresses(db: Database) -> dict[str, str]:
    """Return an address with data behind it for every page: {page: "/trajectory?id=3"}."""
    rows, _ = trajectories.page(db, TrajectoryFilter(statuses=("kept",), domains=("retail",)), limit=1)
    retail = domains.get_domain(db, "retail")
    found = {
        "domain": {"id": "retail"},
        "tool": {"domain": "retail", "name": retail.tools[0].name},
        "template": {"domain": "retail", "template": retail.templates[0].id},
        "batch": {"id": batches.list_batches(db)[-1].id},
        "trajectory": {"id": rows[0].id},
    }
    return {name: f"/{name}?{urlencode(query)}" for name, query in found.items()}
