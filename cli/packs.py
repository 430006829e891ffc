"""Commands on domain packs: validate, trust."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli.wiring import database
from engine.errors import InputErrors


def validate(pack: Annotated[Path, typer.Argument(help="A domain pack: folder or zip.")]) -> None:
    """Read a domain pack and list every problem with its file and line."""
    from engine.domains import catalog, pack_files
    from engine.domains.shared_tools import differing, with_shared_files
    from engine.planning import pack_lints, tasks
    from engine.planning.template_faults import template_faults

    given = pack_files.read(pack)
    files = with_shared_files(given, _shared_text)
    domain = catalog.parse(files, further=partial(template_faults, whole=False))
    print(
        f"{domain.id}: {len(domain.tools)} tools, {len(domain.templates)} templates, {len(domain.questions)} questions"
    )
    for template in domain.templates:
        print(f"  {template.id}: {', '.join(tasks.modes_of(domain, template))}")
    for warning in pack_lints.warnings(domain):
        print(f"warning: {warning}")
    for path in sorted(files.keys() - given.keys()):
        print(f"warning: {path} is taken from the library of this machine; the pack that the studio exports holds it")
    for name in differing(files, _shared_text):
        print(f"warning: {name} is not the library's text of that version; the text in the pack is what runs")
    if faults := template_faults(domain):
        raise InputErrors(faults)


def trust(pack: Annotated[str, typer.Argument(help="The id of a domain, or the digest of a stored pack.")]) -> None:
    """Let the tools of an imported domain run in a sandbox that does not isolate them. Read them first."""
    from storage.designing.outside_packs import allow

    with database() as db:
        asked = allow(db, pack)
    print(f"{pack} may run without isolation" if asked else f"{pack} needed no permission, or has it already")


def _shared_text(name: str) -> bytes | None:
    """Return the library's text of a `name@version`, None where it has none. The database is opened here, so that a
    pack without shared tools needs none."""
    from storage.designing.shared_tools import finder

    with database() as db:
        return finder(db)(name)
