"""The ASGI app: the studio, start and stop of the engine, download routes. Start it with `streamlit run app.py`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from engine import settings
from engine.errors import InputError
from engine.private_environment import close_to_others, handed_over
from engine.serving.image_build import ImageBuild
from engine.serving.lock import EngineLock
from pages._shell.streamlit_patches import mend
from pages.export.parts.downloads import check_token
from storage.database import Database, open_database
from storage.designing.domains import seed_catalog
from storage.designing.personas import seed_personas
from storage.designing.shared_tools import seed_shared
from storage.exporting.exports import get_export
from storage.serving.engines import newest
from storage.serving.requests import get_request

log = logging.getLogger("turnwright")
STOP_SECONDS = 15.0
"""How long an engine may take to finish before it is killed."""
STEADY_SECONDS = 60.0
"""An engine that ran longer is started again after the shortest pause."""
LONGEST_PAUSE = 30.0
LOOK_SECONDS = 0.5
"""How often the lock of another engine is tried."""


def keep_sockets() -> None:
    """Let child processes inherit no sockets.

    The server's listening socket is inheritable, and an engine that outlives a killed studio would keep its port in
    use.
    """
    for one in Path("/dev/fd").iterdir():
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(one.name)).st_mode):
                os.set_inheritable(int(one.name), False)


async def start_engine(now: settings.Settings, lock: BinaryIO) -> Process:
    """Start `python -m engine work` in its own process group, with the lock; what it prints goes to logs/engine.log."""
    now.logs.mkdir(parents=True, exist_ok=True)
    keep_sockets()
    with (now.logs / "engine.log").open("ab") as output, handed_over() as (shown, rest):
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "engine", "work",
            cwd=settings.ROOT, stdin=DEVNULL, stdout=output, stderr=output,
            env=shown, start_new_session=True, pass_fds=(lock.fileno(), rest),
        )  # fmt: skip


async def stop_engine(engine: Process) -> None:
    """Ask the engine to finish, and kill it after STOP_SECONDS."""
    if engine.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        engine.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(engine.wait(), STOP_SECONDS)
    except TimeoutError:
        engine.kill()
        await engine.wait()


async def wait_for_lock(lock: EngineLock) -> BinaryIO:
    """Wait until no engine runs on this database, and return the lock for a new one.

    When cancelled, stops an engine that a killed studio left behind, but not that of a living studio.
    """
    logged = False
    try:
        while (taken := lock.take()) is None:
            if not logged:
                log.warning("An engine is at work on this database already, so none is started beside it.")
            logged = True
            await asyncio.sleep(LOOK_SECONDS)
    except asyncio.CancelledError:
        await asyncio.shield(stop_orphan(lock))
        raise
    return taken


async def stop_orphan(lock: EngineLock) -> None:
    """Ask the engine that a killed studio left behind to finish, and kill it after STOP_SECONDS."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        if (orphan := lock.orphan()) is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(orphan, number)
        until = time.monotonic() + seconds
        while lock.orphan() is not None and time.monotonic() < until:
            await asyncio.sleep(0.1)


async def keep_engine(now: settings.Settings) -> None:
    """Keep one engine running until cancelled: one that runs already, else one started here. When it ends quickly, the
    pause before the next start doubles."""
    pause = 1.0
    lock = EngineLock(now.home, now.database_url)
    while True:
        started = time.monotonic()
        try:
            with await wait_for_lock(lock) as taken:
                engine = await start_engine(now, taken)
                lock.note(taken, engine.pid)
        except OSError as error:
            status: int | str = str(error)
        else:
            try:
                status = await engine.wait()
            finally:
                await asyncio.shield(stop_engine(engine))
        pause = 1.0 if time.monotonic() - started > STEADY_SECONDS else min(pause * 2, LONGEST_PAUSE)
        log.warning("The engine ended with status %s; starting it again in %.0f s. See engine.log.", status, pause)
        await asyncio.sleep(pause)


async def build_image(now: settings.Settings) -> None:
    """Build the sandbox image if it is missing or stale, and log when that fails; until then tools run without
    isolation."""
    keep_sockets()
    build = ImageBuild(now.home)
    await build.run()
    state = build.state()
    if state and state.reason:
        log.warning(
            "There is no sandbox image, so tools run in the local sandbox, which does not isolate. %s", state.reason
        )


def open_studio(now: settings.Settings) -> Database:
    """Open and migrate the database, and insert the shipped domains, shared tools and personas."""
    now.home.mkdir(parents=True, exist_ok=True)
    database = open_database(now.database_url)
    seed_shared(database, settings.SHARED_TOOLS)
    for seed, folder in ((seed_catalog, settings.CATALOG), (seed_personas, settings.PERSONAS)):
        try:
            seed(database, folder)
        except InputError as error:
            log.error("Something shipped in %s cannot be used, so it is left out: %s", folder.name, error)
    return database


@contextlib.asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any]]:
    """Open the database before the first page, and run an engine and the build of the sandbox image where the settings
    want them; stop everything at the end."""
    close_to_others()
    now = settings.read()
    opened["database"] = database = await run_in_threadpool(open_studio, now)
    beside = [asyncio.create_task(keep_engine(now))] if now.start_engine else []
    if now.build_image:
        beside.append(asyncio.create_task(build_image(now)))
    try:
        yield {}
    finally:
        for task in beside:
            task.cancel()
        for task in beside:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        opened.clear()
        database.close()


opened: dict[str, Database] = {}


async def health(_: Request) -> JSONResponse:
    """Return whether the database answers and the seconds since the engine's last heartbeat; status 503 without a
    database."""
    try:
        engine = await run_in_threadpool(newest, opened["database"])
    except Exception:
        log.exception("The health check could not read the database")
        return JSONResponse({"ok": False, "database": "unreachable", "engine": None}, 503)
    state = {"age": round(time.time() - engine.heartbeat_at, 1), "sandbox": engine.sandbox} if engine else None
    return JSONResponse({"ok": True, "database": "ok", "engine": state})


async def download(request: Request) -> Response:
    """Send the file of a finished export; the link must be signed (pages/export/parts/downloads.py)."""
    export_id = request.path_params["id"]
    try:
        check_token(export_id, request.query_params.get("token", ""))
    except InputError as error:
        return PlainTextResponse(str(error), 403)
    row = await run_in_threadpool(get_export, opened["database"], export_id)
    if row is None or row.status != "done" or not row.path:
        return PlainTextResponse("There is no such finished export. Open the exports page.", 404)
    path = export_file(settings.read(), row.path)
    if path is None:
        return PlainTextResponse("The file of this export is gone. Build the export again.", 404)
    return FileResponse(path, filename=path.name, headers={"Cache-Control": "no-store"})


async def download_environment(request: Request) -> Response:
    """Send a package that the engine made on request; the link must be signed like that of an export."""
    request_id = request.path_params["id"]
    try:
        check_token(request_id, request.query_params.get("token", ""), "environment")
    except InputError as error:
        return PlainTextResponse(str(error), 403)
    row = await run_in_threadpool(get_request, opened["database"], request_id)
    made = row.result if row is not None and row.kind == "make_environment" and row.status == "done" else None
    path = file_below(settings.read().environments, made["path"]) if made else None
    if path is None:
        return PlainTextResponse("The package is gone. Make it again on the exports page.", 404)
    return FileResponse(path, filename=path.name, headers={"Cache-Control": "no-store"})


def export_file(now: settings.Settings, stored: str) -> Path | None:
    """Return the export's file when it is there and inside the exports folder, else None."""
    return file_below(now.exports, stored)


def file_below(parent: Path, stored: str) -> Path | None:
    """Return the file at a stored path when it is there and inside the folder, else None."""
    folder = parent.resolve()
    path = (folder / stored).resolve()
    return path if path.is_relative_to(folder) and path.is_file() else None


mend()
app = st.App(
    settings.ROOT / "pages" / "shell.py",
    lifespan=lifespan,
    routes=[
        Route("/api/health", health),
        Route("/api/exports/{id:int}", download),
        Route("/api/environments/{id:int}", download_environment),
    ],
)
