"""A database in which every text from people, models or imported files is hostile, and the addresses that show it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import yaml

from engine.types import (
    Batch,
    DomainShare,
    Endpoint,
    Persona,
    Recipe,
    Review,
    Score,
    Tool,
    Turn,
)
from pages.review.parts.reviewer import REVIEWER
from storage.database import Database
from storage.designing import domains, personas
from storage.exporting import exports
from storage.generating import batches, endpoints
from storage.reviewing import reviews
from tests.samples.packs import ledger_files
from tests.samples.tools import REFUND_ORDER
from tests.samples.trajectories import refund_trajectory
from tests.samples.turns import HOSTILE
from tests.storage.stored_samples import insert_imported

SCRIPT = "<script>window.hacked=1</script>"
IMAGE = "![i](http://203.0.113.9/i.png)"
TAG = '<img src="http://203.0.113.9/t.png" onerror="window.hacked=2">'
LINK = "[go](javascript:window.hacked=3)"
MARKS = ":material/warning: :smile: :red[r] $x^2$ **b** `c`"
TURNED = "\u202eturned\u202c \u2067round"
LONG = "W" * 78
NULLS = ("None", "null", "undefined", "__proto__", "constructor", "NaN")
NAMES = (SCRIPT, f"{IMAGE} {LINK}", MARKS, f"{TURNED} {SCRIPT}", LONG, *NULLS)
ALL = f"{SCRIPT} {IMAGE} {TAG} {LINK} {MARKS} <style>body{{display:none}}</style>"
DOMAIN = "ledger"


def pack() -> dict[str, bytes]:
    """Return the ledger domain with hostile words wherever words of an author are shown."""
    files = ledger_files()

    def change(path: str, **changes: Any) -> None:
        value = yaml.safe_load(files[path])
        value.update(changes)
        files[path] = yaml.safe_dump(value, allow_unicode=True).encode()

    change("domain.yaml", name=SCRIPT, description=ALL, category=f"{IMAGE} {MARKS}", licence=LINK)
    move = yaml.safe_load(files["templates/move.yaml"])
    move["turns"][0]["say"] = [f"{ALL} {said}" for said in move["turns"][0]["say"]]
    change("templates/move.yaml", title=f"{SCRIPT} {IMAGE} {MARKS}", turns=move["turns"], tags=[LINK])
    questions = yaml.safe_load(files["questions.yaml"])
    questions[0] |= {"say": [f"{ALL} {said}" for said in questions[0]["say"]], "answer": [f"{ALL} At most 500."]}
    files["questions.yaml"] = yaml.safe_dump(questions, allow_unicode=True).encode()
    tools = files["tools/accounts.py"].decode()
    tools = tools.replace("List the accounts of one owner.", f"List accounts. {SCRIPT} {IMAGE} {MARKS}")
    files["tools/accounts.py"] = tools.replace("First name of the owner.", f"A name. {SCRIPT} {LINK}").encode()
    files["policy.md"] += f"\n{ALL}\n{LONG}\n".encode()
    files["workspace/notes $x$ **b**.txt"] = f"{ALL}\n{TURNED}\n{LONG}\n".encode()
    return files


TOOL = Tool(
    name="find_order",
    effect="read",
    description=ALL,
    parameters={
        "type": "object",
        "properties": {"order_id": {"type": "string", "description": ALL}, IMAGE: {"type": "string"}},
        "required": ["order_id"],
        "additionalProperties": False,
    },
)
"""A tool as an imported file may describe it."""


def records() -> list[Any]:
    """Return trajectories whose every free text is hostile, as an imported file may hold them."""
    found = []
    for number, name in enumerate(NAMES):
        lost = {"status": "rejected", "stage": "judged", "reason": name} if number % 3 == 0 else {}
        score = Score(name=name, value=number / 10, reason=ALL, source=name, method="model", model=name, evidence=(1,))
        found.append(
            refund_trajectory(
                number, hostile=True, rounds=1, domain=name, template=name, persona=name, scores=(score,),
                detail=ALL, teacher="llm", tools=(TOOL, REFUND_ORDER), **lost,
            )
        )  # fmt: skip
    talk = (Turn(role="system", content=ALL), Turn(role="user", content=f"{TURNED} {LONG}{LONG}"),
            Turn(role="assistant", content=f"{HOSTILE} {TURNED}", reasoning=ALL))  # fmt: skip
    return [*found, refund_trajectory(90, turns=talk, domain=TURNED)]


def fill(db: Database) -> None:
    """Put hostile words into every table that a page shows."""
    domains.save_domain(db, pack(), based_on=None)
    files = {**pack(), "policy.md": pack()["policy.md"] + b"\nOnce more.\n"}
    domains.save_domain(db, files, based_on=1, note=f"{SCRIPT} {IMAGE}")
    for shipped in personas.list_personas(db):
        personas.delete_persona(db, shipped.persona.id)
    for number, name in enumerate(NAMES):
        personas.save_persona(
            db,
            Persona(
                id=f"p{number}", name=name[:80], occupation=name, goal_style=ALL, tone=name, expertise="novice",
                patience=3, disclosure="step_by_step", description=ALL, openings=(ALL,),
            ),
            based_on=None,
        )  # fmt: skip
        endpoints.save_endpoint(db, name[:80], Endpoint(model=name, llm="scripted", options={"text": ALL}), None)
        made = exports.create_export(db, Recipe(name=name[:80], licence=name[:80]))
        exports.fail_export(db, made, ALL)
    share = DomainShare(id=DOMAIN)
    for name in NAMES[:5]:
        number = batches.create_batch(db, Batch(name=name, domains=(share,), trajectories=3))
        batches.command(db, number, "cancel")
    insert_imported(db, f"{TURNED} {IMAGE} {SCRIPT}", records())
    insert_imported(db, LONG, [refund_trajectory(200 + n, domain=NAMES[n], hostile=True) for n in range(5)])
    for number, tag in enumerate((SCRIPT[:40], IMAGE, ":smile: $x^2$ **b**", LONG[:40], "null"), 1):
        review = Review(trajectory=number, reviewer=REVIEWER, verdict="reject", tags=(tag,), note=ALL, rating=1)
        reviews.save_review(db, review)
        reviews.save_review(db, review.model_copy(update={"turn": 1}))


def addresses(db: Database) -> dict[str, list[str]]:
    """Return for each page the addresses at which it shows hostile words."""
    rows = batches.list_batches(db)
    compared = "/scores?by=Persona&" + "&".join(f"compare={quote(f'#{row.id} {row.name}')}" for row in rows[:2])
    return {
        "domain": [f"/domain?id={DOMAIN}"],
        "tool": [f"/tool?domain={DOMAIN}&name=find_accounts"],
        "template": [f"/template?domain={DOMAIN}&template=move"],
        "batch": [f"/batch?id={row.id}" for row in rows[:3]],
        "trajectory": ["/trajectory?id=1", f"/trajectory?id={quote(SCRIPT)}"],
        "queue": [f"/queue?text={quote('hacked')}&domains={quote(SCRIPT)}", "/queue"],
        "scores": ["/scores?by=Template", compared],
        "funnel": [f"/funnel?domains={quote(SCRIPT)}"],
    }
