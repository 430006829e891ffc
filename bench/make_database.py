"""Make a realistic database for page benchmarks and UI work.

    python -m bench.make_database PATH [--rows 100000] [--seed 0]

PATH is a new SQLite file or a postgresql:// address. Everything is written through the storage layer, as by an engine
and reviewers: a dozen batches over the shipped domains in all states, reviews by two people, one export.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from bench.samples import MODELS, PERSONAS, trajectories
from engine import settings
from engine.domains import catalog, pack_files
from engine.errors import Conflict, InputError
from engine.types import Batch, Domain, DomainShare, Endpoint, Recipe, Review, Trajectory, TrajectoryFilter
from storage.database import Database, open_database
from storage.designing import domains, personas
from storage.exporting import exports
from storage.generating import batches
from storage.reviewing import reviews
from storage.serving.store import SqlStore

CHUNK = 1_000
DAY = 86_400.0
TAGS = ("wrong tool", "invented fact", "too chatty", "policy breach", "missed confirmation")


def make(db: Database, rows: int, *, seed: int = 0, now: float | None = None) -> None:
    """Fill an empty database with `rows` trajectories in a dozen batches."""
    now = time.time() if now is None else now
    source = random.Random(seed)
    stocked = stock(db)
    sizes = _sizes(rows, source)
    for number, size in enumerate(sizes):
        model = None if number % 3 == 0 else MODELS[number % len(MODELS)]
        age = (len(sizes) - number) * 2.5 * DAY
        _batch(db, stocked, number, size, model, now - age, last=number == len(sizes) - 1)
    _review(db, source, min(rows // 40, 2_500))
    export = exports.create_export(db, Recipe(name="first-dataset"))
    exports.start_export(db, export)
    exports.mark_exported(db, export, range(1, rows // 10 + 1))
    exports.fail_export(db, export, "Sample only: no file was written. Build it again.")


def stock(db: Database) -> list[Domain]:
    """Store the shipped domains that can be parsed, and personas; return the domains."""
    stored: list[Domain] = []
    for folder in sorted(p for p in settings.CATALOG.iterdir() if p.is_dir()):
        try:
            files = pack_files.read_folder(folder)
            domains.save_domain(db, files, based_on=None)
        except Conflict:
            pass
        except InputError as error:
            print(f"left out {folder.name}: {error}", file=sys.stderr)
            continue
        stored.append(catalog.parse(files))
    if not stored:
        raise SystemExit("No shipped domain can be read, so there is nothing to make trajectories of.")
    known = {row.persona.id for row in personas.list_personas(db)}
    for persona in PERSONAS:
        if persona.id not in known:
            personas.save_persona(db, persona, None)
    return stored


def _sizes(rows: int, source: random.Random) -> list[int]:
    weights = [source.choice((1, 2, 4, 8)) for _ in range(12)]
    sizes = [max(1, rows * w // sum(weights)) for w in weights]
    sizes[0] = max(1, sizes[0] + rows - sum(sizes))
    return sizes


def _batch(
    db: Database, stocked: list[Domain], number: int, size: int, model: str | None, at: float, *, last: bool
) -> None:
    clock = iter(_clock(at, size))
    store = SqlStore(db, lambda: next(clock))
    wanted = Batch(
        name=f"{'Reference' if model is None else model.split('/')[-1]} sweep {number + 1}",
        domains=tuple(DomainShare(id=d.id) for d in stocked),
        trajectories=min(1_000_000, size + (size // 4 if last else 0)),
        teacher="reference" if model is None else "llm",
        user="reference" if model is None else "llm",
        models={} if model is None else {"teacher": Endpoint(model=model), "user": Endpoint(model=model)},
        seed=number,
    )
    created = batches.create_batch(db, wanted, now=at)
    claim = store.claim("sample", at, 15.0)
    if claim is None or claim.batch_id != created:
        raise SystemExit("The database is not empty: another batch waits in it. Give a new path.")
    for chunk in _chunks(trajectories(size, stocked, seed=number, model=model, fingerprint=claim.batch.fingerprint)):
        store.save(created, chunk)
        store.heartbeat(created, "sample", next(clock), 0)
    status, reason = ("paused", "Paused by hand.") if last else ("done", "")
    if number == 4:
        status, reason = "cancelled", "Cancelled by hand."
    store.release(created, "sample", status, reason)


def _clock(start: float, size: int) -> Iterator[float]:
    moment = start
    while True:
        moment += 40.0 if size > CHUNK else 5.0
        yield moment


def _chunks(rows: Iterable[Trajectory]) -> Iterator[list[Trajectory]]:
    source = iter(rows)
    while chunk := list(islice(source, CHUNK)):
        yield chunk


def _review(db: Database, source: random.Random, count: int) -> None:
    from storage.reviewing.trajectories import page

    _, total = page(db, TrajectoryFilter(), limit=1)
    for id in source.sample(range(1, total + 1), min(count, total)):
        verdict = source.choice(("accept", "accept", "accept", "reject", "fix"))
        tags = (source.choice(TAGS),) if verdict != "accept" else ()
        who = source.choice(("me", "me", "sam"))
        rating = source.randint(3, 5) if verdict == "accept" else source.randint(1, 3)
        reviews.save_review(
            db,
            Review(trajectory=id, reviewer=who, verdict=verdict, rating=rating, tags=tags),  # type: ignore[arg-type]
        )


def main() -> None:
    """Read the command line and make the database."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="a new SQLite file, or a postgresql:// address")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    url = chosen.path if "://" in chosen.path else f"sqlite:///{Path(chosen.path).resolve()}"
    started = time.perf_counter()
    db = open_database(url)
    try:
        make(db, chosen.rows, seed=chosen.seed)
    finally:
        db.close()
    print(f"{chosen.rows} trajectories in {time.perf_counter() - started:.1f} s: {chosen.path}")


if __name__ == "__main__":
    main()
