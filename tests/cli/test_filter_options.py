"""Every field of a filter has an option, whose values arrive as the filter wants them."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from cli.filter_options import OPTIONS, with_filter
from engine.types import TrajectoryFilter


def chosen_by(*arguments: str) -> dict[str, Any]:
    """Return what a command with an option of its own is told of the filter."""
    found: list[dict[str, Any]] = []
    app = typer.Typer()

    @app.command()
    @with_filter
    def command(chosen: dict[str, Any], own: Annotated[str, typer.Option()] = "unset") -> None:
        assert own == "given"
        found.append(chosen)

    result = CliRunner().invoke(app, ["--own", "given", *arguments])
    assert result.exit_code == 0, result.output
    return found[0]


def test_every_field_has_an_option() -> None:
    assert {field for field, _ in OPTIONS.values()} == set(TrajectoryFilter.model_fields)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ((), {}),
        (("--batch", "3", "--batch", "4"), {"batches": (3, 4)}),
        (("--tag", "too chatty", "--verdict", "none"), {"tags": ("too chatty",), "verdicts": ("none",)}),
        (("--min-rating", "4", "--max-turns", "9"), {"min_rating": 4.0, "max_turns": 9}),
        (("--no-exported", "--reached", "rules"), {"exported": False, "reached": "rules"}),
        (("--score", "facts", "--score-max", "0"), {"score": "facts", "score_max": 0.0}),
    ],
)
def test_options_become_the_filter(arguments: tuple[str, ...], wanted: dict[str, Any]) -> None:
    assert TrajectoryFilter.model_validate(chosen_by(*arguments)) == TrajectoryFilter(**wanted)
