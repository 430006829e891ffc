"""What a pack should not let the person know or want, nor the assistant prove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cli.main import app
from engine.domains import catalog, pack_files
from engine.judging.rubric import DEFAULT
from engine.planning.pack_lints import unanchored_criteria, warnings
from engine.settings import CATALOG, ROOT
from engine.types import Criterion, Domain, Rubric
from tests.samples.packs import ledger_files

SHIPPED = [*pack_files.shipped(CATALOG), pack_files.read(ROOT / "assets" / "new_domain")]
BALANCE = {
    "id": "asked",
    "title": "Ask",
    "goal": "You want to know the balance of {{ account_id }}.",
    "slots": [{"query": "select _key as account_id, owner from accounts order by _key"}],
    "turns": [
        {
            "say": ["What is the balance of {{ account_id }}?"],
            "chain": [{"call": "get_balance", "arguments": {"account_id": "{{ account_id }}"}, "save": "found"}],
            "answer": ["It is {{ found.balance }}."],
            "facts": ["{{ found.balance }}"],
        }
    ],
}
HIDES = {
    "slot": "account_id",
    "say": ["What is my balance?"],
    "ask": ["Which account?"],
    "reveal": ["{{ account_id }}"],
}


def pack(turn: Mapping[str, Any] | None = None, **changes: Any) -> Domain:
    """Return the ledger with one template; `turn` changes its request, `changes` the template."""
    made = BALANCE | changes
    made = made | {"turns": [BALANCE["turns"][0] | dict(turn or {}), *made["turns"][1:]]}  # type: ignore[index]
    files = {path: data for path, data in ledger_files().items() if not path.startswith("templates/")}
    return catalog.parse(files | {"templates/asked.yaml": yaml.safe_dump(made).encode()})


def test_a_clean_template_has_no_warning() -> None:
    assert warnings(pack()) == []
    assert warnings(pack({"withhold": HIDES})) == [], "the plain value in a goal is masked"


@pytest.mark.parametrize("files", SHIPPED, ids=lambda files: str(len(files)))
def test_shipped_packs_have_none(files: dict[str, bytes]) -> None:
    assert warnings(catalog.parse(files)) == []


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        (
            lambda: pack(goal="You want to know the balance of {{ account_id }}, and also to order a new debit card."),
            "goal is wider than its requests: none of them asks for this: 'to order a new debit card'",
        ),
        (
            lambda: pack({"withhold": HIDES}, goal="You want the balance of {{ account_id | reverse }}."),
            "goal tells account_id, which turns.1 withholds, in a form that cannot be masked",
        ),
        (
            lambda: pack({"withhold": HIDES}, goal="You want the balance. Your account is A-1."),
            "goal tells account_id, which turns.1 withholds",
        ),
        (
            lambda: pack({"withhold": HIDES | {"say": ["What is on {{ account_id }}?"]}}),
            "turns.1.withhold.say.1 tells account_id, which it withholds",
        ),
        (
            lambda: pack(goal="You ask for the balance. The assistant must refuse it."),
            "goal tells the policy's answer ('The assistant must')",
        ),
        (
            lambda: pack({"facts": ["within 14 days"]}, goal="You want your balance. It comes within 14 days."),
            "goal tells the answer: it states 'within 14 days'",
        ),
        (
            lambda: pack({"chain": [], "facts": ["member since 1999"], "answer": ["You are a member since 1999."]}),
            "turns.1.facts.1 cannot be reached: 'member since 1999'",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(domain: Any, said: str) -> None:
    found = warnings(domain())
    assert [text for text in found if said in text], found
    assert all(text.startswith("templates/asked.yaml: ") for text in found)


def test_a_question_that_the_policy_does_not_answer() -> None:
    question = [{"id": "hours", "say": ["Open at 9 o'clock sharp?"], "answer": ["Yes."], "facts": ["9 o'clock sharp"]}]
    domain = catalog.parse(ledger_files() | {"questions.yaml": yaml.safe_dump(question).encode()})
    first, second = warnings(domain, goals=False)
    assert first.startswith('questions.yaml: 1.facts.1 cannot be reached: the policy does not state "9 o\'clock sharp"')
    assert second.startswith("questions.yaml: 1.say tells the answer")


def test_validate_prints_them_as_warnings(tmp_path: Any) -> None:
    pack_files.write_folder(pack(goal="You want it. The correct answer is no.").files, tmp_path / "pack")
    done = CliRunner().invoke(app, ["validate", str(tmp_path / "pack")])
    assert done.exit_code == 0
    assert "warning: templates/asked.yaml: goal tells the policy's answer ('The correct answer')" in done.output


def test_a_criterion_says_what_counts_as_yes() -> None:
    anchored = Criterion(id="told", question="Is it told?", counts_as_yes="The balance stands in the answer.")
    vague = Rubric(id="mine", criteria=(Criterion(id="good", question="Is it good?"), anchored, *DEFAULT.criteria))
    (found,) = unanchored_criteria(vague)
    assert found.startswith("rubric mine: criterion good does not say what counts as yes.")
    assert unanchored_criteria(DEFAULT) == []
