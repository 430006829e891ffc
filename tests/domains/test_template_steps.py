"""No text of a pack takes for ever, fills the memory or draws by chance: its steps are counted, and it is refused with
the reason. Each attack has a harmless twin, which is rendered as before."""

from __future__ import annotations

import json
import re
import tracemalloc

import pytest

from engine.domains import catalog, templates
from engine.domains.template_steps import MOST_STEPS
from engine.errors import InputError, InputErrors
from engine.planning.template_faults import template_faults
from tests.samples.packs import ledger_files

MB = 1 << 20
GROWS = "{{% set n = namespace(x={0}) %}}{{% for i in range(60) %}}{{% set n.x = {1} %}}{{% endfor %}}{{{{ n.x }}}}"
BIG = "('a' * 1000000)"
ATTACKS = {
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "long text in a loop": "{% for a in range(90000) %}" + "y" * 60_000 + "{% endfor %}",
    "long value in a loop": "{% set x = 'a' * 1000000 %}{% for a in range(90000) %}{{ x }}{% endfor %}",
    "long comparison in a loop": "{% set x = 'a' * 1000000 %}{% for a in range(90000) %}{% if x == x[:] %}{% endif %}"
    "{% endfor %}",
    "search in a loop": "{% set x = range(90000)|list %}{% for a in range(90000) %}{% if a in x %}{% endif %}"
    "{% endfor %}",
    "~ doubles": GROWS.format("'ab'", "n.x ~ n.x"),
    "+ doubles": GROWS.format("'ab'", "n.x + n.x"),
    "lists double": GROWS.format("[1]", "[n.x, n.x]"),
    "mappings double": GROWS.format("1", "dict(a=n.x, b=n.x)"),
    "namespaces double": GROWS.format("1", "namespace(a=n.x, b=n.x)"),
    "quotes double": GROWS.format("'\\\\'", "[n.x]|string"),
    "a circle": "{% set n = namespace(x=1) %}{% set n.x = n %}{{ n }}",
    "a macro calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a macro calls itself in a loop": "{% macro m() %}{% for i in range(50) %}{{ m() }}{% endfor %}{% endmacro %}"
    "{{ m() }}",
    "a recursive loop": "{% for x in [[1]] recursive %}{{ loop([x]) }}{% endfor %}",
    "a block in itself": "{% block a %}{{ self.a() }}{% endblock %}",
    "indent": "{{ ('\n' * 1000000)|indent(1000000) }}",
    "replace": f"{{{{ {BIG}|replace('', {BIG}) }}}}",
    "method replace": f"{{{{ {BIG}.replace('a', {BIG}) }}}}",
    "join": f"{{{{ range(99999)|join({BIG}) }}}}",
    "method join": f"{{{{ {BIG}.join(range(99999)|map('string')) }}}}",
    "wordwrap": "{{ ('x ' * 500000)|wordwrap(1, true, 'y' * 100000) }}",
    "tojson": "{{ range(99999)|list|tojson(indent=100000000) }}",
    "round": "{{ 1|round(1000000000, 'ceil') }}",
    "many widths": "{{ ('%1000000d' * 1000) % 1 }}",
    "many widths of the filter": "{{ ('%1000000d' * 1000)|format(1) }}",
    "a name again and again": f"{{{{ ('%(a)s' * 99999) % {{'a': {BIG}}} }}}}",
    "a place again and again": f"{{{{ ('{{0}}' * 99999).format({BIG}) }}}}",
    "lists of lists": "{{ [[1] * 1000] * 1000 }}",
    "a sum of lists": "{{ ([[1]] * 99999)|sum(start=[]) }}",
    "to_bytes": "{{ 5 .to_bytes(1000000000, 'big') }}",
    "encode": "{{ 'x'.encode() * 10**9 }}",
    "translate": f"{{{{ 'x'.translate({{120: {BIG}}}) }}}}",
    "urlize": "{{ ('(' * 500000 ~ ')' * 500000)|urlize }}",
    "striptags": "{{ ('<' * 1000000)|striptags }}",
    "rfind": "{{ ('a' * 500000 ~ 'b').rfind('b' ~ 'a' * 250000) }}",
    "long numbers in a loop": "{% for i in range(99999) %}{% set x = 3**9000 // 7**4000 %}{% endfor %}",
    "a compiled constant": "{% autoescape ('x'|center(1000000) ~ 'y') * 1000000 %}{% endautoescape %}",
    "brackets": "{{ " + "(" * 40 + "1" + ")" * 40 + " }}",
    "signs": "{{ " + "not " * 100 + "1 }}",
    "conditions": "{{ " + "1 if a else " * 100 + "1 }}",
    "a long sum": "{{ 1" + " + 1" * 200 + " }}",
    "attributes": "{{ a" + ".b" * 200 + " }}",
    "blocks": "{% if a %}" * 60 + "{% endif %}" * 60,
    "length": "x" * 70_000 + "{{ 1 }}",
    "parts": "{{ 1 }}" * 6_000,
}  # fmt: skip
CHANCE = ["[1, 2]|random", "[[1, 2]]|map('random')|list", "lipsum()", "lipsum(n=1)[0]"]
TWINS = [
    ("{% for a in range(3) %}{% for b in range(2) %}{{ a }}{{ b }} {% endfor %}{% endfor %}", "00 01 10 11 20 21"),
    ("{% set n = namespace(x='ab') %}{% for i in range(2) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
     "abababab"),
    ("{% macro m(n) %}{{ n }}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}", "543210"),
    ("{% for x in [[1, [2]]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}", "12"),
    ("{% for x in [1, 2, 3] if x > 1 %}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% endfor %}",
     "1/2,2/2"),
    ("{{ ['a', 'b']|map('upper')|join(', ') }} {{ ' '.join(['a', 'b']|map('upper')) }}", "A, B A B"),
    ("{{ {'b': 1, 'a': [1, 2]}|tojson(indent=1) }}", '{\n "a": [\n  1,\n  2\n ],\n "b": 1\n}'),
    ("{{ 2.345|round(2) }} {{ 'a-b'|replace('-', '+') }} {{ 'a b'.split()|last }} {{ 'ab'[1:] }}", "2.35 a+b b b"),
    ("{{ '%s is %05.1f' % ('x', 2.25) }} {{ '%(a)s' % {'a': 1} }} {{ '{:>4}|{a}'.format(1, a=2) }}",
     "x is 002.2 1    1|2"),
    ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}", "aba"),
    ("{{ [[1], [2]]|sum(start=[]) }} {{ [1, 2.5]|sum }} {{ [{'n': 1}, {'n': 2}]|sum('n') }}", "[1, 2] 3.5 3"),
    ("{% autoescape true %}{{ '<' ~ '&'|safe }}{% endautoescape %}{{ 'a' ~ 1 ~ None }}", "&lt;&a1None"),
    ("{% macro m() %}{{ caller(7) }}{% endmacro %}{% call(x) m() %}{{ x }}{% endcall %}", "7"),
    ("{{ '(' * 3 }} not not ((((((((((((((((((((((((((((((((((((((((", "((( not not " + "(" * 40),
    ("a {% filter upper %}b{{ 1 }}{% endfilter %} {% set x %}c{% endset %}{{ x }}{% with y = 2 %}{{ y }}{% endwith %}",
     "a B1 c2"),
]  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_a_text_that_takes_too_much_is_refused_within_a_bound(name: str) -> None:
    tracemalloc.start()
    try:
        for rendered in (templates.render_text, templates.render_value):
            with pytest.raises(InputError) as refused:
                rendered(ATTACKS[name], {"a": 1})
            assert "undefined" not in refused.value.problem, "it was refused for another reason"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * MB


@pytest.mark.parametrize("source", CHANCE)
def test_what_draws_by_chance_is_refused_with_the_reason(source: str) -> None:
    for rendered in (templates.render_text, templates.render_value):
        with pytest.raises(InputError, match="draws by chance, and a plan must be the same for the same seed"):
            rendered(f"a {{{{ {source} }}}}", {})
    if "map" not in source:  # a name that is worked out is known when it is rendered
        with pytest.raises(InputError, match="draws by chance"):
            templates.names_in(f"{{{{ {source} }}}}")


@pytest.mark.parametrize(
    "source",
    ["cycler('a')", "[cycler('a')]", "range ~ ''", "'%s' % range", "'{}'.format(range)", "[[1]|map('string')]|string"],
)  # fmt: skip
def test_no_address_in_memory_is_written_in_any_way(source: str) -> None:
    with pytest.raises(InputError, match="and no value"):
        templates.render_text(f"{{{{ {source} }}}}", {})


@pytest.mark.parametrize(("source", "text"), TWINS)
def test_what_is_harmless_is_rendered_as_before(source: str, text: str) -> None:
    assert templates.render_text(source, {}) == text


def test_the_steps_of_each_rendering_are_its_own() -> None:
    most = f"{{% for a in range({MOST_STEPS // 12}) %}}{{% endfor %}}x"
    for _ in range(20):
        assert templates.render_text(most, {}) == "x"


@pytest.mark.parametrize("attack", ["nested loops", "brackets", "parts", "lists double"])
def test_the_file_line_and_field_of_such_a_text_are_named(attack: str) -> None:
    files = ledger_files()
    text = files["templates/balance.yaml"].decode()
    assert "\n  - say:\n" in text
    files["templates/balance.yaml"] = text.replace(
        "\n  - say:\n", f"\n  - say:\n      - {json.dumps(ATTACKS[attack])}\n"
    ).encode()
    with pytest.raises(InputErrors) as refused:
        raise InputErrors(template_faults(catalog.parse(files)))
    assert re.search(r"templates/balance.yaml line \d+: turns.1.say.1: it ", str(refused.value))
