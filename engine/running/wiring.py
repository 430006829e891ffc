"""What the rollouts of a batch share, made from the plug-ins that it names; and whether it can start here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from engine import plugins, settings
from engine.errors import InputError, ModelError
from engine.judging.keep import decide
from engine.protocols import LLM, Claim, SandboxPool, ToolSource
from engine.rolling.rollout import Parts
from engine.running.models import open_llm
from engine.types import Batch, Domain, ModelRole


def check_batch(claim: Claim, pool: SandboxPool) -> None:
    """Raise InputError or ModelError when the batch cannot start here, naming what to mend."""
    batch = claim.batch
    for role, endpoint in batch.models.items():
        if endpoint.key_variable and settings.key(endpoint.key_variable) is None:
            raise ModelError(
                "auth",
                f"models.{role}: the environment variable {endpoint.key_variable} is not set. Set it to the key of "
                f"{endpoint.model} and start the engine again, or choose another variable under Settings.",
            )
    for domain in claim.domains.values():
        risky = any(source_of(tool.source).commands for tool in domain.tools)
        if risky and not pool.isolated and batch.teacher != "reference" and not batch.allow_unisolated_commands:
            raise InputError(
                "sandbox",
                f"{domain.id} lets the model execute commands, and the {pool.name} sandbox does not isolate them.",
                "Use the docker sandbox, or allow commands without isolation in the batch form.",
            )


def source_of(name: str) -> ToolSource:
    """Return a tool source by plug-in name."""
    plugin = plugins.load("tools", name)
    source: ToolSource = plugin.make(plugin.config())
    return source


def models_of(batch: Batch) -> dict[ModelRole, LLM]:
    """Open the models that the players and judges of a batch ask. Raises ModelError."""
    used: set[ModelRole] = set()
    used |= {"teacher"} if batch.teacher == "llm" else set()
    used |= {"user"} if batch.user == "llm" else set()
    used |= {"judge"} if "rubric" in batch.judges else set()
    return {role: open_llm(endpoint, role) for role, endpoint in batch.models.items() if role in used}


def parts_of(batch: Batch, domains: Mapping[str, Domain], pool: SandboxPool, llms: Mapping[ModelRole, LLM]) -> Parts:
    """Wire what the rollouts of a batch share. Raises InputError for an unknown plug-in."""
    teacher, user = plugins.load("teachers", batch.teacher), plugins.load("users", batch.user)
    domains = {domain.digest: domain for domain in domains.values()}
    names = {tool.source for domain in domains.values() for tool in domain.tools}

    def player(plugin: plugins.Plugin, role: ModelRole) -> Callable[..., Any]:
        config = plugin.config()
        return lambda spec, proof: plugin.make(
            config, llm=llms.get(role), task=spec.task, proof=proof, persona=spec.persona, seed=spec.seed
        )

    return Parts(
        batch=batch,
        fingerprint=batch.fingerprint,
        domains=domains,
        pool=pool,
        sources={name: source_of(name) for name in names},
        teacher=player(teacher, "teacher"),
        user=player(user, "user"),
        judges=lambda: judges_of(batch, llms),
        curate=decide,
        now=time.time,
        llms=llms,
    )


def judges_of(batch: Batch, llms: Mapping[ModelRole, LLM]) -> dict[str, Any]:
    """Return fresh judges by name; the rubric judge gets the judge model and the batch's rubric."""
    found: dict[str, Any] = {}
    for name in batch.judges:
        plugin = plugins.load("judges", name)
        more = {"llm": llms["judge"], "rubric": batch.rubric} if name == "rubric" else {}
        found[name] = plugin.make(plugin.config(), **more)
    return found
