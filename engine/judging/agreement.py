"""How far the votes of a panel agree, by criterion. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from engine.types import Score


class Agreement(NamedTuple):
    """The mean share of votes for the answer that won, over so many trajectories."""

    share: float
    trajectories: int


def agreements(scored: Iterable[Sequence[Score]]) -> dict[str, Agreement]:
    """Return the agreement by name of a score, the lowest first; `scored` holds the scores of each trajectory. Scores
    that no panel voted on are left out."""
    found: dict[str, list[float]] = {}
    for scores in scored:
        for score in scores:
            if score.agreement is not None:
                found.setdefault(score.name, []).append(score.agreement)
    means = {name: Agreement(round(sum(shares) / len(shares), 6), len(shares)) for name, shares in found.items()}
    return dict(sorted(means.items(), key=lambda item: (item[1].share, item[0])))
