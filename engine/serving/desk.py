"""Answers requests of pages that need a sandbox or a model. One method of Desk per kind of request:

    try_tool      {domain, version, overrides, tool, arguments, variant}      -> {result, diff}
    prove         {domain, version, overrides, template, mode, turns, seed}   -> {task, proof, trajectory}
    test_model    {endpoint}                                                  -> {reply, called_tool, call, profile}
    replay_fix    {trajectory_id, turn, fix, others}                          -> a Replay (engine/reviewing/replay.py)
    build_export  {export_id}                                                 -> {rows, path}
    make_environment  {framework, batch, domain, tasks, seed}                 -> {path, size, lines}
    push_export   {path, address, variable?, public?}                         -> {address}

`overrides` maps pack paths to text (or {"base64": ...}) that replaces the saved file, so that an unsaved tool or
template can be tried; None removes a file. A request that is refused is answered with (None, message), and the message
names the next move.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from engine.domains import catalog
from engine.domains.pack_files import files_digest
from engine.domains.sources import sources_of
from engine.environments.make import make, store
from engine.errors import InputError, TurnwrightError
from engine.exporting.build import build
from engine.planning import tasks
from engine.protocols import Library, SandboxPool
from engine.publishing.places import HUB_TOKEN, HubPlace, place_of
from engine.publishing.push import push
from engine.reading.places import in_template
from engine.reading.schema import argument_error
from engine.reviewing.replay import Correction, Runtime, check_correction, replay
from engine.rolling.end_state import source_states, with_source_changes
from engine.rolling.parts import environment_of
from engine.rolling.rollout import rollout
from engine.running.wiring import check_isolation, parts_of
from engine.serving.profile import try_endpoint
from engine.settings import read
from engine.types import (
    USUAL_MODE,
    Batch,
    Domain,
    DomainShare,
    Endpoint,
    Persona,
    Request,
    RolloutSpec,
    Task,
    ToolCall,
    Trajectory,
    Turn,
    digest,
)

PLAIN = Persona(
    id="plain",
    name="Plain",
    occupation="",
    goal_style="direct",
    tone="neutral",
    expertise="intermediate",
    patience=6,
    disclosure="everything_at_once",
    description="Asks in the template's own words.",
)
"""The persona of a proof, which says nothing beyond the template."""


class Desk:
    """Answers requests. `pool_of(allow_commands=...)` returns a started sandbox pool."""

    def __init__(self, library: Library, pool_of: Callable[..., Awaitable[SandboxPool]]) -> None:
        self._library, self._pool_of = library, pool_of

    async def answer(self, request: Request) -> tuple[dict[str, Any] | None, str | None]:
        """Return (result, None) or (None, message for the user). Never raises."""
        kinds: dict[str, Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]] = {
            "try_tool": self._try_tool,
            "prove": self._prove,
            "test_model": self._test_model,
            "replay_fix": self._replay_fix,
            "build_export": self._build_export,
            "make_environment": self._make_environment,
            "push_export": self._push_export,
        }
        if request.kind not in kinds:
            return None, f"The engine knows no request {request.kind!r}. Start it again after the update."
        try:
            return await kinds[request.kind](request.payload), None
        except TurnwrightError as error:
            return None, str(error)
        except (ValidationError, KeyError) as error:
            return None, f"The request is not complete: {error}"
        except Exception as error:  # a page that waits must get an answer, and the engine goes on
            return None, f"The engine failed: {type(error).__name__}: {error}. Correct the input, or report it."

    async def _try_tool(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        domain = await self._domain(payload)
        tool = next((t for t in domain.tools if t.name == payload["tool"]), None)
        if tool is None:
            raise InputError("tool", f"{domain.id} has no tool {payload['tool']!r}.", "Save it first.")
        call = ToolCall(id="try", name=tool.name, arguments=payload["arguments"])
        problem = argument_error(tool, call)
        if problem:
            raise InputError("arguments", problem, "Correct them and try again.")
        source = sources_of(domain)[tool.source]
        pool = await self._pool_for(payload, commands=source.commands)
        variant = payload.get("variant")
        async with pool.lease(environment_of(domain, variant, commands=source.commands)) as sandbox:
            before = await source_states({tool.source: source}, sandbox)
            result = await source.call(tool, call, sandbox)
            after = await source_states({tool.source: source}, sandbox)
            diff = with_source_changes(await sandbox.diff(), before, after)
        return {"result": result.model_dump(mode="json"), "diff": diff.model_dump(mode="json"), "sandbox": pool.name}

    async def _prove(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        domain = await self._domain(payload)
        template = next((t for t in domain.templates if t.id == payload["template"]), None)
        if template is None:
            raise InputError("template", f"{domain.id} has no template {payload['template']!r}.", "Save it first.")
        served = tasks.modes_of(domain, template)
        mode = payload.get("mode") or (served[0] if served else USUAL_MODE)
        seed, turns = int(payload.get("seed") or 0), int(payload.get("turns") or len(template.turns))
        try:
            task = tasks.sample(domain, mode=mode, turns=turns, seed=seed, only=(template.id,))
        except InputError as error:
            raise in_template(domain, error, (template.id,)) from error
        pool = await self._pool_for(payload, commands=True)
        trajectory = await self._reference_rollout(domain, task, seed, pool)
        return {
            "task": task.model_dump(mode="json"),
            "proof": trajectory.proof.model_dump(mode="json") if trajectory.proof else None,
            "trajectory": trajectory.model_dump(mode="json"),
        }

    async def _reference_rollout(self, domain: Domain, task: Task, seed: int, pool: SandboxPool) -> Trajectory:
        batch = Batch(name="prove", domains=(DomainShare(id=domain.id, digest=domain.digest),), trajectories=1)
        spec = RolloutSpec(
            id=digest([task.id, seed]),
            index=0,
            attempt=0,
            domain=domain.id,
            domain_digest=domain.digest,
            persona=PLAIN,
            task=task,
            seed=seed,
            mode=task.modes[0],
        )
        return await rollout(spec, parts_of(batch, {domain.id: domain}, pool, {}))

    async def _test_model(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        endpoint = Endpoint.model_validate(payload["endpoint"])
        found = await try_endpoint(endpoint)
        await asyncio.to_thread(self._library.save_profile, found.profile)
        return {
            "reply": found.reply,
            "called_tool": found.called_tool,
            "call": found.call.model_dump(mode="json"),
            "profile": found.profile.model_dump(mode="json"),
        }

    async def _replay_fix(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        trajectory, files = await asyncio.to_thread(self._library.trajectory, int(payload["trajectory_id"]))
        domain = catalog.parse(files, unfinished=True)
        correction = Correction(turn=int(payload["turn"]), fix=Turn.model_validate(payload["fix"]))
        others = [Correction.model_validate(one) for one in payload.get("others") or ()]
        check_correction(trajectory, correction)  # before a sandbox is opened for it
        sources = sources_of(domain)
        commands = any(sources[tool.source].commands for tool in trajectory.tools)
        pool = await self._pool_of(allow_commands=commands)
        await self._check_isolation(domain.id, domain.digest, pool)
        variant = trajectory.task.variant if trajectory.task else None
        environment = environment_of(domain, variant, commands=commands)
        runtime = Runtime(lambda: pool.lease(environment), sources, domain.user_tools)
        found = await replay(trajectory, correction, others, runtime)
        return found.model_dump(mode="json")

    async def _build_export(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        export_id = int(payload["export_id"])
        return await asyncio.to_thread(self._build, export_id)

    def _build(self, export_id: int) -> dict[str, Any]:
        try:
            recipe, rows = self._library.export(export_id)
            folder = read().exports
            known = self._library
            result = build(recipe, rows, folder / str(export_id), licence_of=known.licence, batches_of=known.batches)
        except (TurnwrightError, OSError) as error:
            self._library.fail_export(export_id, str(error))
            raise InputError("export", f"{error}") from error
        except Exception as error:  # `answer` tells the page; the export must not stay marked as being built
            self._library.fail_export(export_id, f"{type(error).__name__}: {error}")
            raise
        outcome = result.outcome(result.path.relative_to(folder).as_posix())
        self._library.finish_export(export_id, outcome)
        return {"rows": outcome.rows, "path": result.path.name}

    async def _make_environment(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Make a package, and write it once it has held. Packages that are older than an answer is kept go."""
        chosen = {name: payload[name] for name in ("batch", "domain", "tasks", "seed")}
        source = await asyncio.to_thread(partial(self._library.environment, **chosen))
        pool = await self._pool_of(allow_commands=True)
        found = await make(str(payload["framework"]), source, pool)
        path = await asyncio.to_thread(store, read().environments, found)
        return {"path": path, "size": len(found.archive), "lines": found.lines()}

    async def _pool_for(self, payload: Mapping[str, Any], *, commands: bool) -> SandboxPool:
        """Return a pool for the domain that a request names. Raises InputError when it may not run there. An unsaved
        change does not matter: what counts is where the version came from that it was made to."""
        pool = await self._pool_of(allow_commands=commands)
        files = await asyncio.to_thread(self._library.domain_files, payload["domain"], payload.get("version"))
        await self._check_isolation(payload["domain"], files_digest(files), pool)
        return pool

    async def _check_isolation(self, name: str, digest: str, pool: SandboxPool) -> None:
        if not pool.isolated:
            needed = await asyncio.to_thread(self._library.needs_isolation, digest)
            check_isolation(name, digest, pool, needed=needed)

    async def _push_export(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        path = (read().exports / str(payload["path"])).resolve()
        if not path.is_file() or not path.is_relative_to(read().exports.resolve()):
            raise InputError("export", "is not in the folder of exports.", "Push it from the list of exports.")
        place = place_of(str(payload["address"]))
        if not isinstance(place, HubPlace):  # an address of a store could name any file of this machine
            raise InputError("repository", "is no repository of the hub.", "Write USER/NAME.")
        variable, public = str(payload.get("variable") or HUB_TOKEN), bool(payload.get("public"))
        send = partial(push, path, str(payload["address"]), variable=variable, public=public)
        return {"address": await asyncio.to_thread(send)}

    async def _domain(self, payload: Mapping[str, Any]) -> Domain:
        """Return the domain that a request names, with its `overrides` applied. Raises InputErrors."""
        files = dict(await asyncio.to_thread(self._library.domain_files, payload["domain"], payload.get("version")))
        for path, content in (payload.get("overrides") or {}).items():
            if content is None:
                files.pop(path, None)
            else:
                files[path] = content.encode() if isinstance(content, str) else b64decode(content["base64"])
        return catalog.parse(files, unfinished=True)
