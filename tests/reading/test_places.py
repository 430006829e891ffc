"""Refusals name file, line and field counted from 1, and all of them come at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from engine.domains import catalog, pack_files
from engine.domains.signature import tools_from_source
from engine.errors import InputError, InputErrors, each
from engine.planning import tasks
from engine.planning.batch_file import parse_batch
from engine.planning.planner import check, plan
from engine.planning.template_faults import template_faults
from engine.plugins import configure
from engine.reading.places import Source, dotted, in_template, path_of
from engine.rolling.parts import environment_of
from engine.rolling.prove import prove
from engine.serving.choice import open_pool
from engine.tools.python import Config, PythonTools
from engine.types import Domain, Persona, digest
from tests.engines import ROOT, surroundings
from tests.samples.batches import batch_of

EMPTY = ROOT / "assets" / "empty_domain"
OPEN_TEMPLATE = """id: odd
title: t
goal: You want {{ account_id }}.
slots:
  - query: select _key as account_id from accounts order by _key
turns:
  - say:
      - "Look."
      - "Look at {{ account_id }}."
    chain:
      - call: get_balance
        arguments:
          account_id: "{{ account_id }}"
        save: found
    answer:
      - "It holds {{ found.balance }}."
    facts: []
"""


def with_template(ledger: Domain, text: str) -> dict[str, bytes]:
    return {**ledger.files, "templates/odd.yaml": text.encode()}


def refused(files: dict[str, bytes]) -> list[str]:
    with pytest.raises(InputErrors) as refusal:
        catalog.parse(files)
    return [str(error) for error in refusal.value.errors]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("Look at {{ account_id }}.", "Look at {{ nobody }}.", "templates/odd.yaml line 9: turns.1.say.2: 'nobody'"),
        ("Look at {{ account_id }}.", "Look at {{ account_id.", "templates/odd.yaml line 9: turns.1.say.2: "),
        ("select _key as", "selec _key as", "templates/odd.yaml line 5: slots.1.query: near"),
        ("call: get_balance", "call: gone", "templates/odd.yaml line 11: turns.1.chain.1.call: there is no tool"),
        ('account_id: "{{', 'account_id: "{{ x }}{{', "templates/odd.yaml line 13: turns.1.chain.1.arguments.acc"),
        ("{{ found.balance }}", "{{ lost.balance }}", "templates/odd.yaml line 16: turns.1.answer.1: 'lost'"),
        ("facts: []", "facts: [1.5]", "templates/odd.yaml line 17: turns.1.facts.1: Input should be a valid string"),
        ("facts: []", "facts: []\n    fact: []", "templates/odd.yaml line 18: turns.1.fact: is no known field"),
        ("title: t\n", "", "templates/odd.yaml line 1: title: Field required. Add it."),
        ("facts: []", "facts: []\nvariant: nowhere", "templates/odd.yaml line 18: variant: there is no folder"),
        ("id: odd", "id: move", "templates/odd.yaml line 1: id: 'move' is used twice: templates/move.yaml line 1"),
        ("title: t", "title: [", "templates/odd.yaml line 3: "),
    ],
)
def test_each_fault_of_a_template_is_told_with_its_line(ledger: Domain, old: str, new: str, where: str) -> None:
    assert OPEN_TEMPLATE.count(old)
    told = refused(with_template(ledger, OPEN_TEMPLATE.replace(old, new)))
    assert [one for one in told if one.startswith(where)], told


def test_all_faults_of_a_pack_are_told_at_once(ledger: Domain) -> None:
    text = OPEN_TEMPLATE.replace("call: get_balance", "call: gone").replace("found.balance", "lost.balance")
    questions = b"- id: a\n  say: [x]\n  answer: [y]\n  facts: [y]\n- say: 3\n"
    source = b"def f(x):\n    pass\n\n\nasync def g():\n    pass\n"
    head = b"id: ledger\nname: ''\nlimits: {cpus: -1, memory: 3}\nidentity: [nobody]\ncolour: red\n"
    files = {**ledger.files, "templates/odd.yaml": text.encode(), "questions.yaml": questions}
    told = "\n".join(refused({**files, "tools/more.py": source, "domain.yaml": head}))
    for place in (
        "domain.yaml line 2: name: is missing",
        "domain.yaml line 1: description: is missing",
        "domain.yaml line 3: limits.cpus: Input should be greater than 0",
        "domain.yaml line 3: limits.memory: is no known field",
        "domain.yaml line 5: colour: is no known field",
        "tools/more.py line 1: f: has no docstring",
        "tools/more.py line 1: f: parameter x has no type",
        "tools/more.py line 5: g is async",
        "templates/odd.yaml line 11: turns.1.chain.1.call: there is no tool 'gone'",
        "templates/odd.yaml line 16: turns.1.answer.1: 'lost' is neither",
        "questions.yaml line 5: entry 2.id: Field required",
        "questions.yaml line 5: entry 2.say: Input should be a valid tuple",
    ):
        assert place in told, told


def test_every_template_that_names_a_deleted_tool_is_listed(ledger: Domain) -> None:
    files = {path: data for path, data in ledger.files.items() if path != "tools/accounts.py"}
    told = [one for one in refused(files) if "there is no tool" in one]
    assert {one.split(" ")[0] for one in told} == {f"templates/{t.id}.yaml" for t in ledger.templates}
    assert len(told) == sum(len(turn.chain) for t in ledger.templates for turn in t.turns)


def test_everything_wrong_with_a_function_is_told_with_its_line() -> None:
    source = 'def f(\n    a,\n    b: set = len(chr),\n):\n    """Do.\n\n    Args:\n        c: what.\n    """\n'
    with pytest.raises(InputErrors) as refusal:
        tools_from_source({"tools/x.py": source, "tools/y.py": source.replace("f(", "g("), "tools/z.py": source})
    told = "\n".join(str(one) for one in refusal.value.errors)
    for place in (
        "tools/x.py line 1: f: does not say its effect",
        "tools/x.py line 2: f: parameter a has no type",
        "tools/x.py line 3: f: parameter b: type set has no JSON form",
        "tools/x.py line 3: f: default of b is no literal",
        "tools/x.py line 5: f: 'Args:' describes c",
        "tools/y.py line 2: g: parameter a has no type",
        "tools/z.py line 1: f is defined twice: tools/x.py line 1 has it too",
    ):
        assert place in told, told
    assert {(one.file, one.line) for one in refusal.value.errors} >= {("tools/x.py", 2), ("tools/z.py", 1)}


# ---------------------------------------------------------------- batch files and other settings


def test_a_yaml_batch_names_every_field_with_its_line() -> None:
    data = b"name: x\ndomains:\n  - ledger\n  - id: clinic\n    weight: -1\nmodes: {single: much}\ntrajectories: 0\n"
    with pytest.raises(InputErrors) as refusal:
        parse_batch(data, "b.yaml")
    assert [error.where for error in refusal.value.errors] == [
        "b.yaml line 5: domains.2.weight",
        "b.yaml line 6: modes.single",
        "b.yaml line 7: trajectories",
    ] or {error.where for error in refusal.value.errors} == {
        "b.yaml line 5: domains.2.weight",
        "b.yaml line 6: modes.single",
        "b.yaml line 7: trajectories",
    }


def test_a_batch_with_numbers_that_json_does_not_have_is_refused_with_its_lines() -> None:
    data = b"name: x\ndomains:\n  - b\n  - id: a\n    weight: .inf\nmodes: {single: .inf}\nlimits:\n  seconds: .nan\n"
    with pytest.raises(InputErrors) as refusal:
        parse_batch(data, "b.yaml")
    assert {error.where for error in refusal.value.errors} == {
        "b.yaml line 5: domains.2.weight",
        "b.yaml line 6: modes.single",
        "b.yaml line 8: limits.seconds",
    }
    assert all("finite" in error.problem for error in refusal.value.errors)


def test_a_toml_batch_names_every_field_with_its_line() -> None:
    data = b'name = "x"\ntrajectories = 0\n\n[[domains]]\nid = "a"\n\n[[domains]]\nid = "b"\nweight = -1\n'
    with pytest.raises(InputErrors) as refusal:
        parse_batch(data, "b.toml")
    found = {(error.where, error.line) for error in refusal.value.errors}
    assert found == {("b.toml line 2: trajectories", 2), ("b.toml line 9: domains.2.weight", 9)}
    with pytest.raises(Exception, match=r"^b.toml line 2: "):
        parse_batch(b'name = "x"\nname = = 3\n', "b.toml")


def test_what_a_batch_cannot_start_with_counts_from_1_and_lists_all(ledger: Domain, persona: Persona) -> None:
    shares = [{"id": "gone", "digest": "0"}, {"id": "ledger", "digest": ledger.digest, "templates": ["a", "b"]}]
    with pytest.raises(InputErrors) as refusal:
        check(batch_of(ledger, domains=shares), {ledger.digest: ledger}, [persona])
    assert [error.where for error in refusal.value.errors] == [
        "domains.1",
        "domains.2.templates.1",
        "domains.2.templates.2",
    ]


def test_options_of_a_plugin_are_all_named() -> None:
    with pytest.raises(InputErrors) as refusal:
        configure("llms", "scripted", {"replies": [{"text": 3}], "colour": 1})
    told = {error.where for error in refusal.value.errors}
    assert "llms/scripted: colour" in told
    assert any(where.startswith("llms/scripted: replies.1") for where in told)


def test_paths_count_lists_from_1_and_leave_keys_and_types_alone() -> None:
    assert dotted(("turns", 0, "chain", 1, "call")) == "turns.1.chain.2.call"
    assert dotted((2, "say", 0)) == "entry 3.say.1"
    assert path_of(("turns", 3, "[key]"), {"turns": {3: 1}}) == ("turns", "3")
    assert path_of(("facts", 0, "tuple[str, ...]", 1), {"facts": [["a", 2]]}) == ("facts", 0, 1)
    assert path_of(("a", "b"), {"a": {}}, absent=True) == ("a", "b")


def test_a_place_without_a_line_of_its_own_has_that_of_what_is_around_it() -> None:
    source = Source("a.yaml", b"one:\n  two: {three: 3}\n")
    assert source.where(("one", "two", "four")) == "a.yaml line 2: one.two.four"
    assert Source("a.json", b'{\n  "one": [\n    {"two": 3}\n  ]\n}').line(("one", 0, "two")) == 3
    assert Source("form").where(("one", 0)) == "form: one.1"
    assert Source("a.yaml", b"one: [").where(("one",)) == "a.yaml: one"


# ---------------------------------------------------------------- a template's own error is not "unsolvable"


def odd(ledger: Domain, text: str) -> Domain:
    """Return the pack with this template alone beside its own."""
    return catalog.parse(with_template(ledger, text))


def test_a_task_that_cannot_be_drawn_for_its_templates_fault_is_told_so(ledger: Domain, persona: Persona) -> None:
    domain = odd(
        ledger,
        OPEN_TEMPLATE.replace('"Look."', '"Look {{ 1 / 0 }}"').replace('      - "Look at {{ account_id }}."\n', ""),
    )
    shares = [{"id": "ledger", "digest": domain.digest, "templates": ["odd"]}]
    batch = batch_of(domain, domains=shares, modes={"single": 1}, turns={1: 1}, trajectories=2)
    specs = list(plan(batch, {domain.digest: domain}, [persona]))
    assert {spec.rejected for spec in specs} == {"template_error"}
    assert specs[0].detail.startswith("templates/odd.yaml line 8: turns.1.say.1: division by zero")


def test_ids_of_rejected_specs_are_what_they_were_when_both_were_called_unsolvable(
    ledger: Domain, persona: Persona
) -> None:
    domain = odd(
        ledger,
        OPEN_TEMPLATE.replace('"Look."', '"Look {{ 1 / 0 }}"').replace('      - "Look at {{ account_id }}."\n', ""),
    )
    shares = [{"id": "ledger", "digest": domain.digest, "templates": ["odd"]}]
    batch = batch_of(domain, domains=shares, modes={"single": 1}, turns={1: 1}, trajectories=1)
    (spec,) = plan(batch, {domain.digest: domain}, [persona])
    assert spec.id == digest([batch.fingerprint, 0, "unsolvable", persona.id, 0])


def test_a_text_that_a_filter_breaks_on_ends_no_batch(ledger: Domain, persona: Persona) -> None:
    domain = odd(
        ledger,
        OPEN_TEMPLATE.replace('"Look."', '"Look {{ account_id|dictsort }}"').replace("{{ account_id }}.", "."),
    )
    shares = [{"id": "ledger", "digest": domain.digest, "templates": ["odd"]}]
    batch = batch_of(domain, domains=shares, modes={"single": 1}, turns={1: 1}, trajectories=3)
    specs = list(plan(batch, {domain.digest: domain}, [persona]))
    told = {spec.detail for spec in specs if spec.rejected == "template_error"}
    assert told == {
        "templates/odd.yaml line 8: turns.1.say.1: 'str' object has no attribute 'items'. Correct the expression."
    }


def test_a_withheld_slot_without_a_wording_ends_no_batch(ledger: Domain, persona: Persona) -> None:
    text = "facts: []\n    withhold: {slot: account_id, say: [a], ask: [], reveal: [c]}"
    domain = odd(ledger, OPEN_TEMPLATE.replace("facts: []", text))
    shares = [{"id": "ledger", "digest": domain.digest, "templates": ["odd"]}]
    batch = batch_of(domain, domains=shares, modes={"missing_parameter": 1}, turns={1: 1}, trajectories=1)
    (spec,) = plan(batch, {domain.digest: domain}, [persona])
    assert (spec.rejected, spec.detail) == ("template_error", "withhold.ask: has no wording. Write at least one.")


@pytest.mark.parametrize(
    ("old", "new", "reason", "told"),
    [
        (
            "{{ found.balance }}",
            "{{ found.total }}",
            "template_error",
            "templates/odd.yaml line 16: turns.1.answer.1: ",
        ),
        (
            'account_id: "{{ account_id }}"',
            'account_id: "{{ 5 }}"',
            "template_error",
            "templates/odd.yaml line 11: turns.1.chain.1: get_balance",
        ),
        ('account_id: "{{ account_id }}"', 'account_id: "{{ account_id }}X"', "unsolvable", "Turn 1: get_balance("),
        ("facts: []", 'facts: ["no such text"]', "unsolvable", "Turn 1: the reference answer does not state"),
        ("facts: []", "facts: [it, []]", "template_error", "turn 1: fact 2 names nothing that could be stated."),
        (
            "{{ found.balance }}",
            "{{ found|wordwrap }}",
            "template_error",
            "templates/odd.yaml line 16: turns.1.answer.1: ",
        ),
    ],
)
async def test_a_proof_tells_the_templates_own_error_from_a_refusal(
    ledger: Domain, old: str, new: str, reason: str, told: str
) -> None:
    domain = odd(ledger, OPEN_TEMPLATE.replace(old, new))
    task = tasks.sample(domain, mode="single", seed=1, only=("odd",))
    pool = await open_pool("local", allow_commands=False)
    try:
        async with pool.lease(environment_of(domain, None, commands=False)) as sandbox:
            proof = await prove(task, domain, sandbox, {"python": PythonTools(Config())})
    finally:
        await pool.aclose()
    assert (proof.reason, proof.detail[: len(told)]) == (reason, told)


def test_an_error_without_a_known_text_stays_as_it_is(ledger: Domain) -> None:
    error = InputError("here", "is wrong.", source="nowhere {{ x }}")
    assert in_template(ledger, error) is error
    assert each(error) == (error,)


# ---------------------------------------------------------------- what is found without a sandbox


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (
            "          account_id:",
            "          acount_id:",
            "templates/odd.yaml line 13: turns.1.chain.1.arguments.acount_id: get_balance takes no argument",
        ),
        (
            "          account_id:",
            "          acount_id:",
            "templates/odd.yaml line 12: turns.1.chain.1.arguments: get_balance needs the argument 'account_id'",
        ),
        (
            '"{{ account_id }}"\n',
            "7\n",
            "templates/odd.yaml line 13: turns.1.chain.1.arguments.account_id: argument account_id: 7 is not of type",
        ),
        (
            "facts: []",
            "facts: []\n    withhold: {slot: nobody, say: [a], ask: [b], reveal: [c]}",
            "templates/odd.yaml line 18: turns.1.withhold.slot: there is no slot 'nobody'",
        ),
        (
            '"It holds {{ found.balance }}."\n    facts: []',
            '"Enough."\n    facts: [much]',
            "templates/odd.yaml line 16: turns.1.answer.1: does not state the fact 'much'",
        ),
        (
            "facts: []",
            "facts: [[], it]",
            "templates/odd.yaml line 17: turns.1.facts.1: names nothing that could be stated. Write it, or drop it.",
        ),
        (
            "facts: []",
            "facts: []\n    withhold: {slot: account_id, say: [a], ask: [], reveal: [c]}",
            "templates/odd.yaml line 18: turns.1.withhold.ask: has no wording. Write at least one.",
        ),
        (
            '"{{ account_id }}"\n',
            ".inf\n",
            "templates/odd.yaml line 13: turns.1.chain.1.arguments.account_id: is no value that JSON can hold.",
        ),
    ],
)
def test_faults_that_cost_tasks_are_found_without_a_sandbox(ledger: Domain, old: str, new: str, where: str) -> None:
    text = OPEN_TEMPLATE.replace(old, new)
    assert text != OPEN_TEMPLATE
    told = [str(one) for one in template_faults(odd(ledger, text))]
    assert [one for one in told if one.startswith(where)], told


def test_faults_are_told_beside_what_cannot_be_read(ledger: Domain) -> None:
    files = {
        **ledger.files,
        "templates/a.yaml": OPEN_TEMPLATE.replace("goal:", "gaol:").encode(),
        "templates/b.yaml": OPEN_TEMPLATE.replace("id: odd", "id: b").replace("account_id:", "acount_id:").encode(),
        "templates/c.yaml": OPEN_TEMPLATE.replace("id: odd", "id: c").replace("get_balance", "fly").encode(),
        "templates/d.yaml": OPEN_TEMPLATE.replace("id: odd", "id: d").replace("query: ", "query: x").encode(),
    }
    with pytest.raises(InputErrors) as refused:
        catalog.parse(files, further=partial(template_faults, whole=False))
    told = "\n".join(map(str, refused.value.errors))
    for where in ("a.yaml line 1: goal", "get_balance takes no argument", "there is no tool 'fly'", "d.yaml line"):
        assert where in told, told
    assert "serves no mode" not in told


def test_a_fixed_text_that_cannot_be_rendered_is_a_fault(ledger: Domain) -> None:
    told = template_faults(
        odd(
            ledger,
            OPEN_TEMPLATE.replace('"It holds', '"{{ 9**(9**9) }} It holds').replace("{{ found.balance }}", "much"),
        )
    )
    assert [one.where for one in told] == ["templates/odd.yaml line 16: turns.1.answer.1"]
    assert "** gives too large a number" in str(told[0])


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("templates/odd.yaml", "facts: []", "facts: [1]", "turns.1.facts.1: "),
        ("domain.yaml", "name: ", "name: [1] # ", "name: is no text. Give it a text."),
    ],
)
def test_one_wrong_value_gives_one_line(ledger: Domain, file: str, old: str, new: str, told: str) -> None:
    files = {**ledger.files, "templates/odd.yaml": OPEN_TEMPLATE.encode()}
    files[file] = files[file].replace(old.encode(), new.encode(), 1)
    with pytest.raises(InputErrors) as refused:
        catalog.parse(files)
    (only,) = refused.value.errors
    assert told in str(only)


def test_shipped_packs_have_no_such_fault() -> None:
    for files in (
        *pack_files.shipped(ROOT / "assets" / "catalog"),
        pack_files.read_folder(ROOT / "assets" / "new_domain"),
    ):
        assert template_faults(catalog.parse(files)) == []


@pytest.fixture
def validate(tmp_path: Path) -> Callable[[dict[str, bytes]], subprocess.CompletedProcess[str]]:
    def call(files: dict[str, bytes]) -> subprocess.CompletedProcess[str]:
        pack_files.write_folder(files, tmp_path / "pack")
        line = [sys.executable, "-m", "engine", "validate", str(tmp_path / "pack")]
        return subprocess.run(
            line, cwd=ROOT, env=surroundings(tmp_path), capture_output=True, text=True, timeout=120, check=False
        )

    return call


Validate = Callable[[dict[str, bytes]], subprocess.CompletedProcess[str]]


def test_validate_prints_every_problem_and_ends_with_1(ledger: Domain, validate: Validate) -> None:
    text = OPEN_TEMPLATE.replace("call: get_balance", "call: gone").replace("found.balance", "lost.balance")
    done = validate(with_template(ledger, text))
    assert done.returncode == 1
    assert done.stderr.count("error: templates/odd.yaml line ") == 2, done.stderr


def test_validate_tells_faults_of_a_pack_that_loads(ledger: Domain, validate: Validate) -> None:
    done = validate(with_template(ledger, OPEN_TEMPLATE.replace("          account_id:", "          acount_id:")))
    assert done.returncode == 1
    assert "odd: single" in done.stdout
    assert done.stderr.count("error: templates/odd.yaml line ") == 2, done.stderr


def test_validate_says_what_an_empty_start_lacks(validate: Validate) -> None:
    done = validate(pack_files.read_folder(EMPTY))
    assert done.returncode == 1
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["tools/", "templates/"]


def test_an_unfinished_pack_is_read_only_where_that_is_asked_for(ledger: Domain, persona: Persona) -> None:
    files = pack_files.read_folder(EMPTY)
    domain = catalog.parse(files, unfinished=True)
    assert (domain.tools, domain.templates) == ((), ())
    with pytest.raises(InputErrors, match="defines no tool"):
        catalog.parse(files)
    batch = batch_of(domain)
    with pytest.raises(InputErrors, match=r"empty_domain cannot be used yet: tools/ defines no tool and templates/"):
        check(batch, {domain.digest: domain}, [persona])
