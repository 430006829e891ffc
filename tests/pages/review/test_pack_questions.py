"""Questions of a domain and a template from the pack to the scores: rolled out, judged again, exported and shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from streamlit.testing.v1 import AppTest

from engine.domains import catalog
from engine.exporting.record import read
from engine.serving.choice import SandboxChoice
from engine.serving.worker import Worker
from engine.types import Domain, TrajectoryFilter
from storage.database import Database
from storage.designing import domains
from storage.generating import batches, judgings
from storage.reviewing import trajectories
from storage.serving.library import SqlLibrary
from storage.serving.store import SqlStore
from tests.samples.batches import batch_of
from tests.samples.models import scripted
from tests.samples.packs import ledger_files

QUESTIONS = {
    "domain.yaml": {"version": 2, "criteria": [{"id": "polite", "question": "Is the assistant polite throughout?"}]},
    "templates/balance.yaml": {
        "success": [
            {
                "id": "told",
                "question": "Was the balance of {{ account_id }} told?",
                "counts_as_yes": "The number of the tool's result stands in the answer.",
                "example_of_no": "It says that the balance was found.",
            }
        ]
    },
}
TOLD = "rubric.balance.success.told"


def pack() -> Domain:
    files = ledger_files()
    for path, rubric in QUESTIONS.items():
        files[path] = yaml.safe_dump(yaml.safe_load(files[path]) | {"rubric": rubric}).encode()
    return catalog.parse(files)


async def worked_on(db: Database, number: int) -> None:
    await Worker(SqlStore(db), SqlLibrary(db), SandboxChoice("local"), say=lambda _: None, only=number).work(once=True)
    assert batches.get_batch(db, number).status == "done"


async def test_a_pack_asks_its_own_questions(ready: Database, open_page: Callable[..., AppTest]) -> None:
    domain = pack()
    domains.save_domain(ready, domain.files, based_on=1)
    answers = {"data": {"domain.polite": "yes", "balance.success.told": "yes: it stands there"}}
    changes: dict[str, Any] = {"models": {"judge": scripted(answers)}}
    judges = ["rules", "state", "facts", {"rubric": {"pack_questions": "instead"}}]
    share = {"id": domain.id, "digest": domain.digest, "templates": ["balance"]}
    number = batches.create_batch(
        ready,
        batch_of(domain, domains=[share], trajectories=2, modes={"single": 1}, turns={1: 1}, judges=judges, **changes),
    )
    await worked_on(ready, number)
    stored = trajectories.get(ready, 1)
    assert stored is not None
    assert stored.task is not None
    assert stored.status == "kept"
    names = [one.name for one in stored.scores if one.source == "rubric"]
    assert names == ["rubric.domain.polite", TOLD, "rubric"]
    read_ids = {read(body).id for _, body, _ in trajectories.stream(ready, TrajectoryFilter(batches=(number,)))}
    assert stored.id in read_ids, "exports read the task with its questions"

    asked = f"Was the balance of {stored.task.slots['account_id']} told?"
    page = open_page("trajectory", id="1")
    captions = [one.value for one in page.caption]
    assert any(asked.rstrip("?") in one.replace("\\", "") for one in captions), "each score says what was asked"
    assert any("rubric ledger.balance, version 1" in one.replace("\\", "") for one in captions)

    no = scripted({"data": {"domain.polite": "yes", "balance.success.told": "no"}})
    again = judgings.create_judging(
        ready,
        batch_of("stored", judges=judges[-1:], models={"judge": no}, rejudge=TrajectoryFilter(batches=(number,))),
    )
    await worked_on(ready, again)
    ((_, _, found, _),) = judgings.judgements(ready, 1)
    assert (found.status, found.reason) == ("rejected", "low_rubric")
    assert "No to: balance.success.told." in found.detail


def test_a_template_says_how_many_questions_it_asks_and_warns_of_those_without_an_anchor(
    ready: Database, open_page: Callable[..., AppTest]
) -> None:
    page = open_page("template", domain="ledger", template="balance")
    plain = editor(page).value
    vague = "\nrubric:\n  success: [{id: good, question: 'Is it good?'}]\n"
    editor(page).set_value(plain + vague.replace("it", "{{ nobody }}")).run()
    assert any("neither a slot" in one.value for one in page.error)
    editor(page).set_value(plain + vague).run()
    assert not page.error
    assert any("1 question for the rubric judge" in one.value for one in page.caption)
    page.button(key="save_ledger").click().run()
    overview = open_page("domain", id="ledger", tab="Overview")
    assert any("does not say what counts as yes" in one.value for one in overview.warning)


def editor(page: AppTest) -> Any:
    return next(area for area in page.text_area if "get_balance" in area.value)
