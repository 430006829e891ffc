"""The commands, one function each. Like app.py it wires storage to the engine.

python -m engine work | run FILE | resume NUMBER | export | show | analyze | import | validate PACK | check | list KIND
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.filter_options import check_modes, with_filter
from engine import loop, plugins, settings
from engine.errors import InputError, InputErrors, TurnwrightError, each

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Generate, inspect and export tool-calling trajectories. The studio does the same in the browser.",
)


_LARGEST = (1 << 63) - 1
"""The largest number that a database can be asked for."""


@contextmanager
def database() -> Iterator[Any]:
    """Open the database with the shipped domains, shared tools and personas in it."""
    from storage.database import open_database
    from storage.designing.domains import seed_catalog
    from storage.designing.personas import seed_personas
    from storage.designing.shared_tools import seed_shared

    found = settings.read()
    try:
        found.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "TURNWRIGHT_HOME",
            f"{found.home} cannot be made: {error.strerror}.",
            "Choose a folder that you may write to.",
        ) from error
    db = open_database(found.database_url)
    try:
        seed_shared(db, settings.SHARED_TOOLS)
        seed_catalog(db, settings.CATALOG)
        seed_personas(db, settings.PERSONAS)
        yield db
    finally:
        db.close()


def worker(db: Any, only: int | None = None) -> Any:
    from engine.serving.worker import Worker
    from storage.serving.library import SqlLibrary
    from storage.serving.store import SqlStore

    found = settings.read()
    say = partial(print, flush=True)
    store, library, options = SqlStore(db), SqlLibrary(db), found.sandbox_options
    return Worker(store, library, found.sandbox, image=found.image, options=options, say=say, only=only)


@app.command()
def work(once: Annotated[bool, typer.Option(help="Stop when no batch is waiting.")] = False) -> None:
    """Claim batches and requests and work on them until stopped. The studio starts this beside itself."""
    from engine.serving.worker import serve

    with database() as db:
        loop.run(serve(worker(db), once=once))


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="A batch as YAML or TOML.")],
    trajectories: Annotated[int | None, typer.Option(help="In place of the number in the file.")] = None,
    sandbox: Annotated[str | None, typer.Option(help="docker, local or auto, in place of the file's.")] = None,
    seed: Annotated[int | None, typer.Option(help="In place of the seed in the file.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Rollouts in flight, in place of the file's.")] = None,
) -> None:
    """Roll out one batch here and now, then print its summary."""
    from engine.planning.batch_file import batch_of, load_batch
    from storage.generating.batches import create_batch

    batch = load_batch(file)
    given = {"trajectories": trajectories, "sandbox": sandbox, "seed": seed, "concurrency": concurrency}
    changes = {name: value for name, value in given.items() if value is not None}
    batch = batch_of({**batch.model_dump(), **changes}, file.name)
    with database() as db:
        _work_on(db, create_batch(db, batch))


@app.command()
def resume(
    number: Annotated[int, typer.Argument(max=_LARGEST, help="A batch that is paused, waits or failed.")],
    tokens: Annotated[int | None, typer.Option(min=0, help="Budget in tokens from now on; 0 takes it off.")] = None,
    dollars: Annotated[float | None, typer.Option(min=0, help="Budget in dollars; 0 takes it off.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0, help="Budget in seconds of work; 0 takes it off.")] = None,
    prices: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Dollars per million input and output tokens, for calls whose price is not known."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option(help="Forget the failed rollouts and try them again.")] = False,
    sandbox: Annotated[str | None, typer.Option(help="Carry on in this sandbox, not in that of its beginning.")] = None,
) -> None:
    """Go on with a batch here and now, with a changed budget where one is given, then print its summary."""
    from engine.types import Budget
    from storage.generating.batches import command, get_batch
    from storage.generating.budgets import set_budget
    from storage.generating.recovery import resume_in, retry

    given = {"tokens": tokens, "cost_usd": dollars, "seconds": seconds}
    changes: dict[str, Any] = {name: value or None for name, value in given.items() if value is not None}
    if prices is not None:
        changes |= {"input_cost_per_million": prices[0], "output_cost_per_million": prices[1]}
    with database() as db:
        row = get_batch(db, number)
        if changes:
            budget = _validated(Budget, {**row.batch.budget.model_dump(), **changes}, "budget")
            set_budget(db, number, budget, before=row.batch.budget)
        if sandbox is not None:
            resume_in(db, number, sandbox)
        if retry_failed:
            print(f"failed rollouts that are tried again: {retry(db, number)}")
        elif row.status not in ("queued", "running") and sandbox is None:
            command(db, number, "resume")
        _work_on(db, number)


def _work_on(db: Any, number: int) -> None:
    """Work on one batch in this process until it goes no further, print its summary, exit with 1 if it is not done."""
    from cli.foreground import follow, summary
    from storage.generating.batches import get_batch, losses
    from storage.generating.plans import quotas_of_batch

    loop.run(follow(worker(db, number), lambda: get_batch(db, number)))
    row = get_batch(db, number)
    print(summary(row, losses(db, number), quotas_of_batch(db, row)))
    if row.status != "done":
        raise typer.Exit(1)


@app.command()
@with_filter
def export(
    chosen: dict[str, Any],
    out: Annotated[Path, typer.Option(help="A .jsonl file (one split), a .zip file, or a folder to write into.")],
    target: Annotated[str | None, typer.Option(help="The trainer that the rows are for; see `list targets`.")] = None,
    format: Annotated[
        str | None, typer.Option(help="An exporter, without a target; see `list exporters`.  [default: chat_jsonl]")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="name=share, several; they must sum to 1.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
    option: Annotated[list[str] | None, typer.Option(help="name=value of the exporter.")] = None,
    include_rejected: Annotated[bool, typer.Option(help="Also what the judges rejected.")] = False,
    only_accepted: Annotated[bool, typer.Option(help="Only what a human accepted.")] = False,
    untrained: Annotated[
        str | None,
        typer.Option(help="A turn that a human rejected: mask it, or cut there.  [default: as the target can]"),
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the rows (SPDX), if not the domains'.")] = "unknown",
    recipe: Annotated[Path | None, typer.Option(help="A recipe.json instead of these options.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there already.")] = False,
) -> None:
    """Write a training file from stored trajectories."""
    from engine.exporting.build import build
    from engine.exporting.target import check_choice, for_target
    from engine.types import Recipe
    from storage.exporting.exports import create_export, finish_export
    from storage.reviewing.trajectories import stream
    from storage.serving.library import SqlLibrary

    target, format = (name and name.replace("-", "_") for name in (target, format))
    if target is not None:
        check_choice(target, format, untrained)
    if recipe is not None:
        if target is not None:
            raise InputError("--target", "stands beside a recipe.", f"Write it into {recipe.name}, or leave one out.")
        made = _validated(Recipe, _text(recipe), recipe.name)
    else:
        shares = {name: _share(name, share) for name, share in _pairs(split or [])}
        values = {
            "name": out.stem,
            "target": target,
            "format": format,
            "filter": chosen,
            "include_rejected": include_rejected,
            "only_accepted": only_accepted,
            "untrained": untrained,
            "licence": licence,
            "seed": seed,
            "options": {name: _value(text) for name, text in _pairs(option or [])},
            "splits": shares or ({"train": 1.0} if out.suffix == ".jsonl" else None),
        }
        made = _validated(Recipe, {k: v for k, v in values.items() if v is not None}, "export")
    made = for_target(made)
    loop.spare_collector()
    with database() as db:
        check_modes(db, made.filter)
        rows, licence_of = stream(db, made.filter), SqlLibrary(db).licence
        result = build(made, rows, out, licence_of=licence_of, replace=force)
        finish_export(db, create_export(db, made), result.outcome(None))
    told = {"path": str(result.path), "rows": result.rows, "report": result.report}
    print(json.dumps(told, indent=2, default=str))
    if result.settings is not None:
        print(f"\nSettings that {made.target} needs:\n\n{result.settings}", file=sys.stderr)


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="A data file, one JSON object per line.")],
    format: Annotated[str, typer.Option(help="An importer; see `list importers`.")] = "chat_jsonl",
    name: Annotated[str | None, typer.Option(help="Name of the batch it becomes.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="name=value of the importer; `list importers`.")] = None,
) -> None:
    """Read a training file as a finished batch, without what an import before brought. A bad line is set aside with its
    reason; when none can be read, the file is refused."""
    from engine.importing.read import importer_of, read, report_lines
    from engine.importing.report import Report
    from storage.intake import imports

    options = {key: _value(text) for key, text in _pairs(option or [])}
    importer, report = importer_of(format.replace("-", "_"), options), Report()
    try:
        source = file.open("rb")
    except OSError as error:
        raise InputError(file.name, f"cannot be read: {error.strerror}.", "Check the path.") from error
    with source, database() as db:
        found = imports.insert_new(db, name or file.stem, read(importer, source, file.name, report), report.as_dict)
    if found.batch is not None:
        print(f"batch {found.batch}: {found.rows} trajectories")
    if found.there:
        here = ", ".join(f"{count} in batch {batch}" for batch, count in found.there.items())
        print(f"{'all are' if found.batch is None else 'the others are'} here already, from an import before: {here}")
    print("".join(f"{line}\n" for line in report_lines(report.as_dict())), end="")


@app.command()
def show(
    trajectory: Annotated[
        int | None, typer.Argument(max=_LARGEST, help="Number of a trajectory; none lists batches.")
    ] = None,
    batch: Annotated[int | None, typer.Option(max=_LARGEST, help="List the latest trajectories of a batch.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record.")] = False,
) -> None:
    """Show batches, the trajectories of a batch, or one trajectory turn by turn."""
    from cli.foreground import summary
    from storage.generating.batches import get_batch, latest, list_batches, losses
    from storage.generating.plans import quotas_of_batch
    from storage.reviewing.trajectories import get

    with database() as db:
        if trajectory is not None:
            found = get(db, trajectory)
            if found is None:
                raise InputError("trajectory", f"there is no trajectory {trajectory}.", "See `show --batch N`.")
            print(found.model_dump_json(indent=2) if as_json else _told(found))
        elif batch is not None:
            chosen = get_batch(db, batch)
            print(summary(chosen, losses(db, batch), quotas_of_batch(db, chosen)))
            for row in latest(db, batch, 20):
                print(f"  {row.id:>6}  {row.status:<8} {row.domain}/{row.template} {row.mode}  {row.title[:70]}")
        else:
            for entry in list_batches(db):
                p = entry.progress
                print(f"{entry.id:>5}  {entry.status:<9} {p.finished}/{p.planned}  {entry.name}")


def _told(trajectory: Any) -> str:
    head = f"{trajectory.domain}/{trajectory.template} {trajectory.mode}: {trajectory.status}"
    lines = [head + (f" at {trajectory.stage}: {trajectory.reason}. {trajectory.detail}" if trajectory.reason else "")]
    for number, turn in enumerate(trajectory.turns):
        lines.append(f"[{number}] {turn.role}: {turn.content[:2000]}")
        lines += [f"      → {c.name}({json.dumps(c.arguments, ensure_ascii=False)})" for c in turn.tool_calls]
    lines += [f"{s.name}: {'not measured' if s.value is None else s.value} ({s.reason})" for s in trajectory.scores]
    return "\n".join(lines)


@app.command()
@with_filter
def analyze(
    chosen: dict[str, Any],
    by: Annotated[str, typer.Option(help="domain, mode, tool, persona, model, outcome, culprit or reason.")] = "domain",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print the yield funnel, a breakdown and the scores; the database does the sums."""
    from engine.types import TrajectoryFilter
    from storage.analysing import analytics

    wanted = _validated(TrajectoryFilter, chosen, "filter")
    with database() as db:
        check_modes(db, wanted)
        frames = {
            "funnel": analytics.funnel(db, wanted),
            by: analytics.breakdown(db, wanted, by),
            "scores": analytics.score_summary(db, wanted),
        }
    if as_json:
        print(
            json.dumps({name: json.loads(frame.to_json(orient="records")) for name, frame in frames.items()}, indent=2)
        )
        return
    for name, frame in frames.items():
        print(f"\n{name}\n{frame.to_string(index=False) if len(frame) else '  nothing yet'}")


@app.command()
def validate(pack: Annotated[Path, typer.Argument(help="A domain pack: folder or zip.")]) -> None:
    """Read a domain pack and list every problem with its file and line."""
    from engine.domains import catalog
    from engine.domains.shared_tools import differing, laid_in
    from engine.planning import goals, tasks
    from engine.planning.template_faults import template_faults

    given = catalog.read(pack)
    files = laid_in(given, _shared_text)
    domain = catalog.parse(files, further=partial(template_faults, whole=False))
    print(
        f"{domain.id}: {len(domain.tools)} tools, {len(domain.templates)} templates, {len(domain.questions)} questions"
    )
    for template in domain.templates:
        print(f"  {template.id}: {', '.join(tasks.modes_of(domain, template))}")
    for warning in filter(None, map(goals.warning, domain.templates)):
        print(f"warning: {warning}")
    for path in sorted(files.keys() - given.keys()):
        print(f"warning: {path} is taken from the library of this machine; the pack that the studio exports holds it")
    for name in differing(files, _shared_text):
        print(f"warning: {name} is not the library's text of that version; the text in the pack is what runs")
    if faults := template_faults(domain):
        raise InputErrors(faults)


def _shared_text(name: str) -> bytes | None:
    """Return what the library holds under a name and version; the database is opened only when it is asked."""
    from storage.designing.shared_tools import finder

    with database() as db:
        return finder(db)(name)


@app.command()
def check() -> None:
    """Say whether everything that the studio needs is in order, and what to do if not. Plug-ins that cannot be used are
    named; the studio does without them."""
    from engine.exporting.target import broken
    from engine.serving.choice import health, with_options

    found = settings.read()
    print(f"home      {found.home}")
    with database() as db:
        from storage.designing.domains import list_domains
        from storage.serving.library import SqlLibrary

        print(f"database  {db.dialect}: {len(list_domains(db))} domains")
        stored = with_options(SqlLibrary(db).sandbox_options(), found.sandbox_options)
    whole, usable = _shipped_packs(), False
    for entry in asyncio.run(health(found.image, stored)):
        usable = usable or entry.ok
        isolation = "isolates" if entry.isolated else "does not isolate"
        print(f"sandbox   {entry.name}: {'ready' if entry.ok else 'not usable'}, {isolation}. {entry.detail}")
    for told in (*plugins.broken(), *broken()):
        print(f"plug-in   {told}")
    known = ("auto", *plugins.names("sandboxes"))
    if found.sandbox not in known:
        usable = False
        print(f"sandbox   TURNWRIGHT_SANDBOX is {found.sandbox!r}. Choose one of: {', '.join(known)}.")
    if not (whole and usable):
        raise typer.Exit(1)


def _shipped_packs() -> bool:
    """Read every shipped pack and say what is wrong; return whether all are whole."""
    from engine.domains import catalog

    whole = True
    for folder in sorted(p for p in settings.CATALOG.iterdir() if (p / "domain.yaml").is_file()):
        try:
            print(f"pack      {catalog.load(folder).id}: whole")
        except InputError as error:
            whole = False
            print(f"pack      {folder.name}: {error}")
    return whole


STORED = ("domains", "personas", "models", "shared_tools")
"""What `list` finds in the database."""


@app.command(name="list")
def list_(
    kind: Annotated[
        str, typer.Argument(help="domains, personas, models, shared_tools, targets, or a kind of plug-in.")
    ],
) -> None:
    """List what there is of one kind."""
    kind = kind.replace("-", "_")
    if kind in STORED:
        with database() as db:
            print("\n".join(_stored(db, kind)))
        return
    if kind == "targets":
        from engine.exporting.target import find, names

        print("\n".join(f"{name:<20} {find(name).title}: {find(name).line}" for name in names()))
        return
    if kind not in plugins.KINDS:
        known = ", ".join((*STORED, "targets", *plugins.KINDS))
        raise InputError("kind", f"there is no kind {kind!r}.", f"Choose one of: {known}.")
    for name in plugins.names(kind):
        print(f"{name:<20} {plugins.label(kind, name)}")
        flag = "--option " if kind in ("importers", "exporters") else ""
        print("".join(f"{'':<22}{flag}{told}\n" for told in plugins.options(kind, name)), end="")


def _stored(db: Any, kind: str) -> list[str]:
    from storage.designing.domains import list_domains
    from storage.designing.personas import list_personas
    from storage.designing.shared_tools import list_shared
    from storage.generating.endpoints import list_endpoints

    if kind == "shared_tools":
        return [f"{row.id:<20} {', '.join(tool.name for tool in row.tools)}" for row in list_shared(db)]
    if kind == "domains":
        return [
            f"{row.id:<20} v{row.version}  {row.tools} tools, {row.templates} templates" for row in list_domains(db)
        ]
    if kind == "personas":
        return [f"{row.persona.id:<28} {row.persona.name}, {row.persona.occupation}" for row in list_personas(db)]
    return [f"{row.name:<20} {row.endpoint.model} ({row.endpoint.llm})" for row in list_endpoints(db)]


def _pairs(texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(text, "is not name=value.", "Write for example train=0.9.")
        yield name, value


def _share(name: str, text: str) -> float:
    with suppress(ValueError):
        if 0 <= (share := float(text)) <= 1:
            return share
    raise InputError(f"--split {name}", f"{text!r} is no share.", "Give a number from 0 to 1, for example train=0.9.")


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(file), f"cannot be read: {error}.", "Check the path.") from error


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _validated(model: Any, value: Any, where: str) -> Any:
    from pydantic import ValidationError

    from engine.reading.places import Source

    text = value if isinstance(value, str) else ""
    try:
        return model.model_validate_json(value) if text else model.model_validate(value)
    except ValidationError as error:
        given = _value(text) if text else value
        raise InputErrors(Source(where, text.encode()).refusals(error, given)) from error


def main() -> None:
    """Run a command; a refusal is printed without a traceback and ends with status 1."""
    try:
        app()
    except TurnwrightError as error:
        told = each(error) if isinstance(error, InputError) else (error,)
        print("\n".join(f"error: {one}" for one in told), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
