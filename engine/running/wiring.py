"""Makes what the rollouts of a batch share from the plug-ins that it names, and checks that the batch can start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine import plugins, settings
from engine.domains.sources import runs_commands, sources_of
from engine.errors import InputError, ModelError
from engine.judging.keep import decide
from engine.planning.players import roles_asked
from engine.protocols import LLM, SandboxPool
from engine.rolling.parts import Parts
from engine.running.models import for_run, open_llm
from engine.types import Batch, Choice, Claim, Domain, ModelRole, Proof, RolloutSpec


def check_batch(claim: Claim, pool: SandboxPool | None) -> None:
    """Raise InputError or ModelError when the batch cannot start in this engine, naming what to change. One without a
    pool plays no dialogue."""
    batch = claim.batch
    asked = [(f"models.{role}", endpoint) for role, endpoint in batch.models.items()]
    asked += [(f"panel.{number}", endpoint) for number, endpoint in enumerate(batch.panel, 1)]
    for where, endpoint in asked:
        if endpoint.key_variable and settings.key(endpoint.key_variable) is None:
            raise ModelError(
                "auth",
                f"{where}: the environment variable {endpoint.key_variable} is not set. Set it to the key of "
                f"{endpoint.model} and start the engine again, or choose another variable under Settings.",
            )
    by_model = not plugins.load("teachers", batch.teacher.name).make.reference
    if pool is None:
        return
    for domain in claim.domains.values():
        check_isolation(domain.id, domain.digest, pool, needed=domain.digest in claim.needs_isolation)
        if runs_commands(domain) and by_model and not pool.isolated and not batch.allow_unisolated_commands:
            raise InputError(
                "sandbox",
                f"{domain.id} lets the model execute commands, and the {pool.name} sandbox does not isolate them.",
                "Use the docker or bubblewrap sandbox, or allow commands without isolation in the batch form.",
            )


def check_isolation(name: str, digest: str, pool: SandboxPool, *, needed: bool) -> None:
    """Raise InputError when a domain from outside, which no user let run without isolation (`needed`), would run its
    tools in a sandbox that does not isolate."""
    if needed and not pool.isolated:
        raise InputError(
            name,
            f"came from outside, and the {pool.name} sandbox does not isolate: its tools would run with your rights.",
            "Use the docker or bubblewrap sandbox; or read its tools, then allow them on the domain's page or with "
            f"`python -m engine trust {digest}`.",
        )


def opened_models(batch: Batch) -> Iterator[tuple[ModelRole, LLM]]:
    """Open the models that the players and judges of a batch use and yield them by role, one by one, so that those
    before one that cannot be opened can be closed. Raises ModelError."""
    for role in roles_asked(batch):
        if role in batch.models:
            yield role, open_llm(batch.models[role], role)


def parts_of(batch: Batch, domains: Mapping[str, Domain], pool: SandboxPool, llms: Mapping[ModelRole, LLM]) -> Parts:
    """Return what the rollouts of a batch share. `domains` may have any keys. Raises InputError for an unknown plug-in
    or option."""
    domains = {domain.digest: domain for domain in domains.values()}

    def player(kind: str, choice: Choice) -> Callable[..., Any]:
        plugin, config = plugins.load(kind, choice.name), plugins.configure(kind, choice.name, choice.options)
        role = plugin.make.asks
        llm, endpoint = llms.get(role), batch.models.get(role)

        def made(spec: RolloutSpec, proof: Proof) -> Any:
            used = for_run(llm, endpoint, spec) if llm is not None else None
            return plugin.make(config, llm=used, task=spec.task, proof=proof, persona=spec.persona, seed=spec.seed)

        return made

    return Parts(
        batch=batch,
        fingerprint=batch.fingerprint,
        domains=domains,
        pool=pool,
        sources={digest: sources_of(domain) for digest, domain in domains.items()},
        teacher=player("teachers", batch.teacher),
        user=player("users", batch.user),
        judges=lambda: judges_of(batch, llms),
        curate=decide,
        now=time.time,
    )


def judges_of(batch: Batch, llms: Mapping[ModelRole, LLM]) -> dict[str, Any]:
    """Return new judges by name. One that asks a model gets that model, and the batch's rubric if it reads one."""
    found: dict[str, Any] = {}
    for choice in batch.judges:
        make = plugins.load("judges", choice.name).make
        more: dict[str, Any] = {}
        if make.asks is not None:
            more["llm"] = llms[make.asks]
            more |= {"rubric": batch.rubric} if make.reads_rubric else {}
        found[choice.name] = make(plugins.configure("judges", choice.name, choice.options), **more)
    return found
