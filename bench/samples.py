"""Seeded made-up trajectories of about 6 KB for benchmarks and UI work, with every kind of ending.

They are no training data: nothing was rolled out, and texts come from short lists, so near duplicates abound.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence

from engine import plugins
from engine.types import (
    Change,
    Domain,
    Execution,
    Leaf,
    Mode,
    ModelCall,
    Persona,
    Score,
    StateDiff,
    Tool,
    ToolCall,
    Trajectory,
    Turn,
    digest,
    mode_order,
)

NAMES = ("Mei Tanaka", "Jonas Weber", "Amara Okafor", "Lucía Fernández", "Priya Nair", "Tomáš Novák", "Sofia Rossi")
OPENINGS = (
    "Hello, I need some help with {thing}. My name is {name}.",
    "Hi there! Could you look into {thing} for me? It is about {code}.",
    "{thing}, please. The number is {code}.",
    "I have been waiting for days. What happened to {thing} ({code})?",
    "Good morning, {name} here. I would like to change {thing}; reference {code}.",
)
THINGS = ("my order", "the refund", "an appointment", "the invoice from May", "a delivery address", "the sales report")
ANSWERS = (
    "I have updated {code} as you asked; the new total is {amount} euros.",
    "{code} is on its way and should arrive on {day}. Is there anything else?",
    "I am afraid that our policy does not allow this for {code}, {name}. I can offer store credit instead.",
    "Done. {code} is now booked for {day}, and a confirmation was sent to you.",
)
POLICY = 600
"""Characters of the real policy that a sample keeps, so that a body is about 6 KB."""
WITHOUT_CALLS = "no_tool"
"""The only mode that forbids calls: a sample of it with calls would look like a broken rule, so it has none."""
DAYS = ("Monday 4 May", "Tuesday 12 May", "Friday 22 May", "Saturday 30 May")
MODELS = ("openai/gpt-5-mini", "qwen3-32b", "llama-3.3-70b")
LOST = (
    ("rejected", "proven", "duplicate"),
    ("rejected", "proven", "unsolvable"),
    ("rejected", "rules", "invalid_calls"),
    ("rejected", "state", "wrong_state"),
    ("rejected", "state", "wrong_state"),
    ("rejected", "judged", "missing_fact"),
    ("rejected", "judged", "low_reward"),
    ("failed", "rolled_out", "model_timeout"),
    ("failed", "rolled_out", "sandbox"),
)
PERSONAS = tuple(
    Persona(
        id=id,
        name=name,
        occupation=occupation,
        goal_style=style,
        tone=tone,
        expertise="novice",
        patience=5,
        disclosure="step_by_step",
        description=f"{name} is a {occupation} who is {tone} and {style}.",
    )
    for id, name, occupation, style, tone in (
        ("hurried-nurse", "Nadia", "nurse", "brief", "hurried"),
        ("careful-retiree", "Walter", "retiree", "thorough", "polite"),
        ("terse-engineer", "Kofi", "engineer", "precise", "terse"),
        ("chatty-student", "Emma", "student", "rambling", "cheerful"),
        ("angry-customer", "Ivan", "shop owner", "demanding", "angry"),
        ("new-parent", "Leila", "designer", "distracted", "friendly"),
    )
)


def trajectories(
    rows: int, domains: Sequence[Domain], *, seed: int = 0, model: str | None = None, fingerprint: str = "sample"
) -> Iterator[Trajectory]:
    """Yield `rows` trajectories over the domains and all modes; the same arguments give the same ones.

    `model` None stands for the reference teacher.
    """
    among = modes()
    for index in range(rows):
        source = random.Random(f"{fingerprint}:{seed}:{index}")
        domain = source.choice(domains)
        yield _trajectory(source, index, domain, among, model, fingerprint)


def modes() -> list[Mode]:
    """Return every mode that there is a plug-in for, in the order of the product."""
    return sorted(plugins.names("modes"), key=mode_order)


def _trajectory(
    source: random.Random, index: int, domain: Domain, among: Sequence[Mode], model: str | None, fingerprint: str
) -> Trajectory:
    lost = source.choice(LOST) if source.random() < (0.3 if model else 0.08) else None
    started = lost is None or lost[1] not in ("proven",)
    mode = source.choice(among)
    tools = [tool for tool in domain.tools if not tool.distractor]
    chosen = source.sample(tools, min(len(tools), source.choice((2, 3, 3))))
    turns = _turns(source, domain, chosen, mode) if started else ()
    scores = _scores(source, lost, turns) if started and (lost is None or lost[0] != "failed") else ()
    reward = round(sum(s.value or 0 for s in scores) / len(scores), 6) if scores else None
    failed = any(s.passed is False for s in scores)
    return Trajectory(
        id=digest([fingerprint, index]),
        index=index,
        batch_fingerprint=fingerprint,
        domain=domain.id,
        domain_digest=domain.digest,
        template=source.choice(domain.templates).id if domain.templates else None,
        mode=mode,
        attempt=0,
        seed=source.getrandbits(48),
        persona=source.choice(PERSONAS).id,
        teacher="llm" if model else "reference",
        user="llm" if model else "reference",
        models={"teacher": model, "user": model} if model else {},
        tools=tuple(chosen),
        turns=turns,
        diff=_diff(source) if scores else None,
        scores=scores,
        reward=reward,
        outcome="unmeasured" if not scores else "failure" if failed else "success",
        culprit=_culprit(source, lost, failed),
        end="not_started" if not started else "error" if lost and lost[0] == "failed" else "done",
        status="kept" if lost is None else lost[0],  # type: ignore[arg-type]
        stage=None if lost is None else lost[1],  # type: ignore[arg-type]
        reason=None if lost is None else lost[2],
        detail="" if lost is None else f"Lost at {lost[1]}: {lost[2]}.",
        calls=_calls(source, model, len(turns)) if model and started else (),
        execution=Execution(sandbox="docker", isolated=True, seconds=round(source.uniform(0.4, 30), 3)),
    )


def _culprit(source: random.Random, lost: tuple[str, str, str] | None, failed: bool) -> str | None:
    if lost and lost[0] == "failed":
        return "infrastructure"
    return source.choice(("agent", "agent", "agent", "user", "tool")) if failed else None


def _turns(source: random.Random, domain: Domain, tools: Sequence[Tool], mode: Mode) -> tuple[Turn, ...]:
    turns = [Turn(role="system", content=domain.policy[:POLICY])]
    for _ in range(source.choice((1, 1, 1, 2, 2, 3))):
        words = {
            "name": source.choice(NAMES),
            "code": f"#W{source.randrange(10**6, 10**7)}",
            "thing": source.choice(THINGS),
            "amount": f"{source.uniform(5, 900):.2f}",
            "day": source.choice(DAYS),
        }
        turns.append(Turn(role="user", content=source.choice(OPENINGS).format(**words)))
        for _ in range(0 if mode == WITHOUT_CALLS else source.choice((1, 2, 2, 3))):
            turns += _call(source, source.choice(tools), words)
        turns.append(Turn(role="assistant", content=source.choice(ANSWERS).format(**words)))
    return tuple(turns)


def _call(source: random.Random, tool: Tool, words: Mapping[str, str]) -> list[Turn]:
    call = ToolCall(id=f"call_{source.getrandbits(32):08x}", name=tool.name, arguments=_arguments(source, tool, words))
    fault = "tool_error" if source.random() < 0.04 else None
    record = {
        "id": words["code"],
        "status": source.choice(("pending", "shipped", "delivered", "cancelled")),
        "customer": words["name"],
        "total": float(words["amount"]),
        "items": [
            {
                "sku": f"SKU-{source.randrange(1000)}",
                "quantity": source.randint(1, 4),
                "price": round(source.uniform(1, 99), 2),
            }
            for _ in range(source.randint(1, 3))
        ],
    }
    answer = f"There is no entry {words['code']}." if fault else json.dumps(record, ensure_ascii=False)
    return [
        Turn(role="assistant", tool_calls=(call,)),
        Turn(role="tool", content=answer, tool_call_id=call.id, name=tool.name, fault=fault),  # type: ignore[arg-type]
    ]


def _arguments(source: random.Random, tool: Tool, words: Mapping[str, str]) -> dict[str, object]:
    made: dict[str, object] = {}
    for name, schema in tool.parameters.get("properties", {}).items():
        kind = schema.get("type")
        if "enum" in schema:
            made[name] = source.choice(schema["enum"])
        elif kind == "integer":
            made[name] = source.randint(1, 9)
        elif kind == "number":
            made[name] = float(words["amount"])
        elif kind == "boolean":
            made[name] = source.random() < 0.5
        elif kind == "array":
            made[name] = [words["code"]]
        else:
            made[name] = words["code"]
    return made


def _scores(source: random.Random, lost: tuple[str, str, str] | None, turns: Sequence[Turn]) -> tuple[Score, ...]:
    bad = lost[1] if lost else ""
    rubric = (
        None if source.random() < 0.03 else round(min(1.0, max(0.0, source.gauss(0.55 if lost else 0.85, 0.12))), 3)
    )
    last = (len(turns) - 1,)
    return (
        _score("valid_calls", "rules", "rule", 0.5 if bad == "rules" else 1.0),
        _score("no_repetition", "rules", "rule", 1.0),
        _score("state", "state", "state", round(source.uniform(0, 0.8), 2) if bad == "state" else 1.0),
        _score("facts", "facts", "fact", round(source.uniform(0, 0.9), 2) if bad == "judged" else 1.0, last),
        Score(
            name="rubric",
            value=rubric,
            reason="The judge gave no readable verdict." if rubric is None else "Weighted share of criteria met.",
            source="rubric",
            method="model",
            passed=None if rubric is None else rubric >= 0.4,
            model="judge-small",
            evidence=last,
        ),
    )


def _score(name: str, judge: str, method: str, value: float, evidence: tuple[int, ...] = ()) -> Score:
    reason = "As the reference." if value == 1.0 else f"Differs from the reference: {value:g} of it is there."
    return Score(
        name=name,
        value=value,
        reason=reason,
        source=judge,
        method=method,
        passed=value == 1.0,
        evidence=evidence,  # type: ignore[arg-type]
    )


def _diff(source: random.Random) -> StateDiff:
    leaves = tuple(
        Leaf(pointer=f"/orders/{source.randrange(500)}/status", before="pending", after="cancelled")
        for _ in range(source.randint(0, 3))
    )
    change = Change(
        path="store.json", kind="modified", format="json", before_digest="a1" * 8, after_digest="b2" * 8, leaves=leaves
    )
    return StateDiff(changes=(change,) if leaves else ())


def _calls(source: random.Random, model: str, turns: int) -> tuple[ModelCall, ...]:
    return tuple(
        ModelCall(
            role="teacher" if n % 2 else "user",
            model=model,
            prompt_tokens=source.randint(300, 3000),
            completion_tokens=source.randint(10, 300),
            cost_usd=None if model == MODELS[1] else round(source.uniform(0.0001, 0.004), 6),
            seconds=round(source.uniform(0.2, 4), 3),
            finish="stop",
        )
        for n in range(max(1, turns // 2))
    )
