"""Makes the RolloutSpecs of a batch, with ids and seeds. Pure, so every engine makes the same ones.

engine/planning/quotas.py decides how many tasks each domain, mode and number of requests gets, by the rules of the
batch's plan version. A stored batch keeps it, and so its ids. The order of draws decides all ids.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from engine import modes
from engine.domains.catalog import lacking
from engine.errors import InputError, InputErrors, Stopped
from engine.planning import tasks
from engine.planning.players import refused_choices, roles_asked
from engine.planning.quotas import Offer, Quotas, planned, unknown_plan
from engine.reading.places import Source, in_template
from engine.types import (
    Batch,
    Domain,
    DomainShare,
    Mode,
    Persona,
    RolloutSpec,
    Task,
    TaskTemplate,
    digest,
)

TRIES = 12
"""Draws for a task that repeats no earlier one."""
_ID_WORDS = {"template_error": "unsolvable"}
"""Reasons renamed since ids were first made, with the old word, which ids keep so that batches can resume."""
Choice = TypeVar("Choice")


def plan(batch: Batch, domains: Mapping[str, Domain], personas: Sequence[Persona]) -> Iterator[RolloutSpec]:
    """Yield exactly `batch.trajectories` specs in a fixed order. `domains` is keyed by digest.

    A task for which TRIES draws give nothing new becomes specs with `rejected` set, one per attempt, so that the total
    stays exact. Raises InputErrors when the batch cannot start at all.
    """
    check(batch, domains, personas)
    fingerprint = batch.fingerprint
    rng = _rng(fingerprint)
    seen: set[str] = set()
    index = 0
    for number, (share, mode, turns) in enumerate(_mix(batch, domains, rng)):
        domain = domains[str(share.digest)]
        seed = int(digest([fingerprint, "task", number]), 16)
        persona = personas[random.Random(f"persona:{seed}").randrange(len(personas))]
        task, reason, detail = _fresh_task(domain, share, mode, turns, seed, seen)
        for attempt in range(min(batch.attempts, batch.trajectories - index)):
            yield RolloutSpec(
                id=digest(
                    [fingerprint, number, task.id if task else _ID_WORDS.get(reason, reason), persona.id, attempt]
                ),
                index=index,
                attempt=attempt,
                domain=domain.id,
                domain_digest=domain.digest,
                persona=persona,
                task=task,
                seed=int(digest([fingerprint, number, attempt]), 16),
                rejected=reason,
                detail=detail,
                mode=mode,
            )
            index += 1


def check(batch: Batch, domains: Mapping[str, Domain], personas: Sequence[Persona]) -> None:
    """Raise InputErrors naming every field because of which the batch cannot start."""
    errors = _unplannable(batch, domains)
    if not personas:
        errors.append(InputError("personas", "none is chosen.", "Choose at least one persona."))
    wrong = refused_choices(batch, Source("batch"))
    errors += wrong
    if not wrong:
        errors += [
            InputError(f"models.{role}", "is missing.", f"Choose a model for the {role} under Settings.")
            for role in roles_asked(batch)
            if role not in batch.models
        ]
    if errors:
        raise InputErrors(errors)


def _unplannable(batch: Batch, domains: Mapping[str, Domain]) -> list[InputError]:
    """Return why there are no quotas: an unknown plan or mode, a domain that is missing or serves nothing of what is
    asked."""
    known = modes.names()
    gone = [mode for mode, weight in batch.weights.items() if weight > 0 and mode not in known]
    move = f"Choose among: {', '.join(known)}."
    errors = unknown_plan(batch) + [InputError(f"modes.{mode}", "there is no such mode here.", move) for mode in gone]
    for number, share in enumerate(batch.domains, 1):
        where = f"domains.{number}"
        domain = domains.get(str(share.digest))
        if domain is None:
            errors.append(InputError(where, f"there is no domain {share.id!r}.", "Choose one that exists."))
        else:
            errors += _unusable(batch, domain, share, where)
    return errors


def _unusable(batch: Batch, domain: Domain, share: DomainShare, where: str) -> list[InputError]:
    """Return why a domain has no task for this batch: it is unfinished, lacks a named template or serves no mode."""
    unknown = sorted(set(share.templates) - {t.id for t in domain.templates})
    if lost := lacking(domain.tools, domain.templates):
        problems = " and ".join(f"{one.where} {one.problem.rstrip('.')}" for one in lost)
        move = "Finish it on its page, or choose another domain."
        return [InputError(where, f"{share.id} cannot be used yet: {problems}.", move)]
    if unknown:
        known = f"It has: {', '.join(t.id for t in domain.templates)}."
        places = [(f"{where}.templates.{share.templates.index(name) + 1}", name) for name in unknown]
        return [InputError(place, f"{share.id} has no template {name!r}.", known) for place, name in places]
    if not served_modes(batch, domain, share):
        move = "Give a weight to a mode that it serves, or choose other templates."
        return [InputError("modes", f"no template of {share.id} serves a mode with a weight.", move)]
    return []


def served_modes(batch: Batch, domain: Domain, share: DomainShare) -> dict[Mode, float]:
    """Return {mode: weight} for the weighted modes of the batch that this domain's templates serve."""
    templates = _chosen(domain, share)
    weights = batch.weights
    return {
        mode: weights[mode]
        for mode in modes.names()
        if weights.get(mode, 0) > 0 and any(tasks.serves(domain, t, mode) for t in templates)
    }


def _chosen(domain: Domain, share: DomainShare) -> list[TaskTemplate]:
    return [t for t in domain.templates if not share.templates or t.id in share.templates]


def longest(batch: Batch, domain: Domain, share: DomainShare) -> int:
    """Return the most requests that a dialogue of this domain can have by its templates; at least 1.

    Whether their slots agree is only known when a task is drawn, which may then fail.
    """
    chosen, weighted = _chosen(domain, share), served_modes(batch, domain, share)
    most = 1
    for lead in chosen:
        others = sum(
            len(t.turns) for t in chosen if t.id != lead.id and t.variant == lead.variant and t.hidden_tests is None
        )
        for mode in weighted:
            if tasks.serves(domain, lead, mode):
                most = max(most, others + (1 if modes.named(mode).short else len(lead.turns)))
    return most


def quotas_of(batch: Batch, domains: Mapping[str, Domain], rng: random.Random | None = None) -> Quotas:
    """Return how many tasks each domain, mode and number of requests gets. Raises InputErrors when the batch cannot be
    planned."""
    if errors := _unplannable(batch, domains):
        raise InputErrors(errors)
    offers = []
    for share in batch.domains:
        domain = domains[str(share.digest)]
        served = served_modes(batch, domain, share)
        offers.append(Offer(share.id, share.weight, served.keys(), longest(batch, domain, share)))
    return planned(batch, offers, rng or _rng(batch.fingerprint))


def _rng(fingerprint: str) -> random.Random:
    return random.Random(f"plan:{fingerprint}")


def _mix(batch: Batch, domains: Mapping[str, Domain], rng: random.Random) -> Iterator[tuple[DomainShare, Mode, int]]:
    """Yield (domain, mode, turns) per task, by exact quotas and in random order."""
    quotas = quotas_of(batch, domains, rng)
    mixed: list[tuple[int, Mode, int]] = []
    for number in quotas.by_domain():
        of_modes = _spread(quotas.modes, number, rng)
        of_turns = _spread(quotas.turns, number, rng)
        mixed += [(number, mode, turns) for mode, turns in zip(of_modes, of_turns, strict=True)]
    rng.shuffle(mixed)
    for number, mode, turns in mixed:
        yield batch.domains[number], mode, turns


def _spread(counts: Mapping[tuple[int, Choice], int], number: int, rng: random.Random) -> list[Choice]:
    items = [choice for (domain, choice), times in counts.items() if domain == number for _ in range(times)]
    rng.shuffle(items)
    return items


def _fresh_task(
    domain: Domain, share: DomainShare, mode: Mode, turns: int, seed: int, seen: set[str]
) -> tuple[Task | None, Any, str]:
    """Return (task, None, "") for a task not seen before, else (None, reason, detail)."""
    reason: Any = None
    detail = ""
    repeated = 0
    for draw in range(TRIES):
        try:
            task = tasks.sample(
                domain, mode=mode, turns=turns, seed=int(digest([seed, draw]), 16), only=share.templates
            )
        except tasks.Rejected as error:
            reason, detail = error.reason, error.detail
            if error.reason == "mode_not_applicable":
                break
            continue
        except Stopped as error:
            raise in_template(domain, error, share.templates) from error
        except InputError as error:
            return None, "template_error", str(in_template(domain, error, share.templates))
        key = tasks.wording(task)
        if key not in seen:
            seen.add(key)
            return task, None, ""
        repeated += 1
        draws = f"{TRIES} draws of {domain.id} in mode {mode}"
        told = f"{draws} only repeated" if repeated == TRIES else f"{repeated} of {draws} repeated"
        reason, detail = "duplicate", f"{told} earlier tasks."
    return None, reason, detail
