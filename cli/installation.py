"""Commands that tell what this installation has and whether it works, and clean up after killed engines: check, list,
cleanup."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, get_args

import typer

from cli.wiring import database
from engine import plugins, settings
from engine.errors import InputError
from engine.types import ModelRole

STORED = ("domains", "personas", "models", "shared_tools")
"""Kinds that `list` reads from the database; the others are plug-ins."""


def check() -> None:
    """Say whether everything that the studio needs is in order, and what to do if not. Plug-ins that cannot be used are
    named; the studio does without them."""
    from engine.exporting.target import broken, newer_datasets_lines
    from engine.serving.choice import health, with_options

    found = settings.read()
    print(f"home      {found.home}")
    with database() as db:
        from storage.designing.domains import list_domains
        from storage.serving.library import SqlLibrary

        print(f"database  {db.dialect}: {len(list_domains(db))} domains")
        _saved_models(db)
        stored = with_options(SqlLibrary(db).sandbox_options(), found.sandbox_options)
    whole, usable = _shipped_packs(), False
    for entry in asyncio.run(health(found.image, stored)):
        usable = usable or entry.ok
        isolation = "isolates" if entry.isolated else "does not isolate"
        print(f"sandbox   {entry.name}: {'ready' if entry.ok else 'not usable'}, {isolation}. {entry.detail}")
    for fault in (*plugins.broken(), *broken()):
        print(f"plug-in   {fault}")
    for line in newer_datasets_lines():
        print(f"datasets  {line}")
    known = ("auto", *plugins.names("sandboxes"))
    if found.sandbox not in known:
        usable = False
        print(f"sandbox   TURNWRIGHT_SANDBOX is {found.sandbox!r}. Choose one of: {', '.join(known)}.")
    if not (whole and usable):
        raise typer.Exit(1)


def cleanup(
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is listed.")] = False,
) -> None:
    """List what engines left that were killed: containers, workspaces. With --yes they are removed; running engines
    keep theirs."""
    from engine.serving.choice import leftovers, with_options

    found = settings.read()
    with database() as db:
        from storage.serving.library import SqlLibrary

        stored = with_options(SqlLibrary(db).sandbox_options(), found.sandbox_options)
    entries = asyncio.run(leftovers(found.image, stored, remove=yes))
    for entry in entries:
        for one in entry.found:
            print(f"{entry.name}: {one}")
        if entry.fault:
            print(f"{entry.name}: cannot be looked at. {entry.fault}")
    total = sum(len(entry.found) for entry in entries)
    if yes:
        print(f"{sum(entry.removed for entry in entries)} of {total} removed.")
    elif total:
        print(f"{total} left over. Remove them with `python -m engine cleanup --yes`.")
    else:
        print("Nothing is left over.")


def _saved_models(db: Any) -> None:
    """Print what test calls found out about each saved model, and the roles that it does not fit."""
    from engine.planning.model_fit import role_misfits
    from engine.planning.profile_words import profile_line
    from storage.generating.endpoints import list_endpoints

    for row in list_endpoints(db):
        if row.profile is None:
            print(f"model     {row.name}: not tried yet. Make a test call under Settings.")
            continue
        print(f"model     {row.name}: {profile_line(row.profile)}")
        for role in get_args(ModelRole):
            for misfit in role_misfits(role, row.endpoint, row.profile):
                print(f"          {misfit.text}")


def _shipped_packs() -> bool:
    """Read every shipped pack and print what is wrong with it; return whether all are whole."""
    from engine.domains import catalog

    whole = True
    for folder in sorted(p for p in settings.CATALOG.iterdir() if (p / "domain.yaml").is_file()):
        try:
            print(f"pack      {catalog.load(folder).id}: whole")
        except InputError as error:
            whole = False
            print(f"pack      {folder.name}: {error}")
    return whole


def list_(
    kind: Annotated[
        str, typer.Argument(help="domains, personas, models, shared_tools, targets, or a kind of plug-in.")
    ],
) -> None:
    """List what there is of one kind."""
    kind = kind.replace("-", "_")
    if kind in STORED:
        with database() as db:
            print("\n".join(_stored_lines(db, kind)))
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
        print("".join(f"{'':<22}{flag}{option}\n" for option in plugins.options(kind, name)), end="")


def _stored_lines(db: Any, kind: str) -> list[str]:
    """Return one line for each stored thing of a kind of STORED."""
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
