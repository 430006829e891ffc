"""Batch -> RolloutSpecs. Pure: ids and seeds are made here, so any engine gives the same rollouts.

Quotas are exact: the numbers of tasks per domain, per mode and per number of turns follow the weights by largest
remainder. Modes that no template of a domain serves are left out of that domain's share.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from engine import tasks
from engine.catalog import lacking
from engine.errors import InputError, InputErrors
from engine.places import in_template
from engine.types import MODES, Batch, Domain, DomainShare, Mode, Persona, RolloutSpec, Task, digest

TRIES = 12
_ID_WORDS = {"template_error": "unsolvable"}
"""What stands for a reason in ids: the word it had when ids were first made, so that a resumed batch keeps its ids."""
Choice = TypeVar("Choice")


def plan(batch: Batch, domains: Mapping[str, Domain], personas: Sequence[Persona]) -> Iterator[RolloutSpec]:
    """Yield exactly `batch.trajectories` specs in a fixed order. `domains` is keyed by digest.

    A task that cannot be drawn, or that only repeats an earlier one after several tries, becomes a spec with
    `rejected` set. Raises InputErrors when the batch cannot start at all.
    """
    check(batch, domains, personas)
    fingerprint = batch.fingerprint
    source = random.Random(f"plan:{fingerprint}")
    seen: set[str] = set()
    index = 0
    for number, (share, mode, turns) in enumerate(_mix(batch, domains, source)):
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
    """Raise InputErrors naming every field for which the batch cannot start."""
    errors: list[InputError] = []
    for number, share in enumerate(batch.domains):
        domain = domains.get(str(share.digest))
        where = f"domains.{number + 1}"
        if domain is None:
            errors.append(InputError(where, f"there is no domain {share.id!r}.", "Choose one that exists."))
            continue
        unknown = sorted(set(share.templates) - {t.id for t in domain.templates})
        if lost := lacking(domain.tools, domain.templates):
            told = " and ".join(f"{one.where} {one.problem.rstrip('.')}" for one in lost)
            move = "Finish it on its page, or choose another domain."
            errors.append(InputError(where, f"{share.id} cannot be used yet: {told}.", move))
        elif unknown:
            known = f"It has: {', '.join(t.id for t in domain.templates)}."
            errors += [
                InputError(
                    f"{where}.templates.{share.templates.index(name) + 1}",
                    f"{share.id} has no template {name!r}.",
                    known,
                )
                for name in unknown
            ]
        elif not served_modes(batch, domain, share):
            move = "Give a weight to a mode that it serves, or choose other templates."
            errors.append(InputError("modes", f"no template of {share.id} serves a mode with a weight.", move))
    if not personas:
        errors.append(InputError("personas", "none is chosen.", "Choose at least one persona."))
    if batch.uses_models:
        wanted = [
            ("teacher", batch.teacher == "llm"),
            ("user", batch.user == "llm"),
            ("judge", "rubric" in batch.judges),
        ]
        errors += [
            InputError(f"models.{role}", "is missing.", f"Choose a model for the {role} under Settings.")
            for role, needed in wanted
            if needed and role not in batch.models
        ]
    if errors:
        raise InputErrors(errors)


def served_modes(batch: Batch, domain: Domain, share: DomainShare) -> dict[Mode, float]:
    """Return the weighted modes of the batch that this domain's templates serve."""
    templates = [t for t in domain.templates if not share.templates or t.id in share.templates]
    return {
        mode: batch.modes[mode]
        for mode in MODES
        if batch.modes.get(mode, 0) > 0 and any(tasks.serves(domain, t, mode) for t in templates)
    }


def _mix(batch: Batch, domains: Mapping[str, Domain], source: random.Random) -> Iterator[tuple[DomainShare, Mode, int]]:
    """Yield (domain, mode, turns) per task, with exact quotas and in a drawn order."""
    total = -(-batch.trajectories // batch.attempts)
    shares = _quota({number: share.weight for number, share in enumerate(batch.domains)}, total)
    mixed: list[tuple[int, Mode, int]] = []
    for number, count in shares.items():
        share = batch.domains[number]
        modes = _spread(served_modes(batch, domains[str(share.digest)], share), count, source)
        turns = _spread({n: w for n, w in sorted(batch.turns.items()) if w > 0}, count, source)
        mixed += [(number, mode, turn) for mode, turn in zip(modes, turns, strict=True)]
    source.shuffle(mixed)
    for number, mode, turn in mixed:
        yield batch.domains[number], mode, turn


def _spread(weights: Mapping[Choice, float], count: int, source: random.Random) -> list[Choice]:
    items = [choice for choice, times in _quota(weights, count).items() for _ in range(times)]
    source.shuffle(items)
    return items


def _quota(weights: Mapping[Choice, float], count: int) -> dict[Choice, int]:
    """Return counts that sum to `count` and follow the weights by largest remainder."""
    whole = sum(weights.values())
    exact: dict[Any, float] = {choice: count * weight / whole for choice, weight in weights.items()}
    counts = {choice: int(value) for choice, value in exact.items()}
    by_remainder = sorted(exact, key=lambda choice: counts[choice] - exact[choice])
    for choice in by_remainder[: count - sum(counts.values())]:
        counts[choice] += 1
    return counts


def _fresh_task(
    domain: Domain, share: DomainShare, mode: Mode, turns: int, seed: int, seen: set[str]
) -> tuple[Task | None, Any, str]:
    """Return (task, None, "") for a task not seen before, else (None, reason, detail)."""
    reason: Any = None
    detail = ""
    for number in range(TRIES):
        try:
            task = tasks.sample(
                domain, mode=mode, turns=turns, seed=int(digest([seed, number]), 16), only=share.templates
            )
        except tasks.Rejected as error:
            reason, detail = error.reason, error.detail
            if error.reason == "mode_not_applicable":
                break
            continue
        except InputError as error:
            return None, "template_error", str(in_template(domain, error, share.templates))
        key = tasks.wording(task)
        if key not in seen:
            seen.add(key)
            return task, None, ""
        reason, detail = "duplicate", f"{TRIES} draws of {domain.id} in mode {mode} only repeated earlier tasks."
    return None, reason, detail
