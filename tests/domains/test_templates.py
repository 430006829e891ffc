"""Every text of a template, also one with very large numbers, is rendered or refused; none hangs or crashes."""

from __future__ import annotations

import pytest

from engine.domains import templates
from engine.errors import InputError

NINES = "9" * 5000
TOO_MUCH = [
    "9**(9**9)", "'a' * 10**9", "10**9 * [1]", "'x'|center(10**10)", "'x'|indent(10**10)", "'%9999999999d' % 1",
    "'%*d' % (9999999999, 1)", "'%9999999999d'|format(1)", "'x'.ljust(10**10)", "10**5000", "9.0**9999",
]  # fmt: skip
WIDTHS = [
    "'{:>9999999}'.format(1)", "'{:{}}'.format(1, 9999999)", "'{a:.9999999f}'.format_map({'a': 1.5})",
    "('{:>9999999}'|escape).format(1)", "('x' ~ '\t').expandtabs(tabsize=9999999)",
    "'x'|center(width=9999999)", "[1]|batch(9999999, 0)|list", "[1]|slice(9999999)|list", "'x'|indent(9999999)",
]  # fmt: skip
UNREADABLE = [NINES, "(" * 3000 + "1" + ")" * 3000, "not " * 5000 + "1", "1 + " * 5000 + "1"]


@pytest.mark.parametrize("source", TOO_MUCH)
def test_what_grows_without_bound_is_not_worked_out_and_refused_when_rendered(source: str) -> None:
    assert templates.names_in(f"{{{{ {source} }}}}") == frozenset()
    for rendered in (templates.render_text, templates.render_value):
        with pytest.raises(InputError, match="Correct the expression"):
            rendered(f"{{{{ {source} }}}}", {})


@pytest.mark.parametrize("source", WIDTHS)
def test_a_width_is_bounded_in_format_and_as_a_keyword(source: str) -> None:
    for rendered in (templates.render_text, templates.render_value):
        with pytest.raises(InputError, match="is too long"):
            rendered(f"{{{{ {source} }}}}", {})


@pytest.mark.parametrize("source", UNREADABLE)
def test_what_cannot_be_read_is_refused(source: str) -> None:
    for read in (
        templates.names_in,
        lambda text: templates.render_text(text, {}),
        lambda text: templates.render_value(text, {}),
    ):
        with pytest.raises(InputError, match=r"Correct the (expression|Jinja syntax)"):
            read(f"{{{{ {source} }}}}")


@pytest.mark.parametrize("source", ["name|dictsort", "name|wordwrap", "cycler()", "[name]|map(1)|list", "5|items|list"])
def test_whatever_a_filter_raises_is_the_template_s_own_error(source: str) -> None:
    for rendered in (templates.render_text, templates.render_value):
        with pytest.raises(InputError, match="Correct the expression"):
            rendered(f"{{{{ {source} }}}}", {"name": 7})


@pytest.mark.parametrize("source", ["names|map('upper')", "names|select", "names|reverse", "'a'.upper", "joiner()"])
def test_what_would_be_written_as_an_address_in_memory_is_refused(source: str) -> None:
    for written in (f"{{{{ {source} }}}}", f"They are {{{{ {source} }}}}."):
        for rendered in (templates.render_text, templates.render_value):
            with pytest.raises(InputError, match=r"no value; a list is written with \|list or \|join"):
                rendered(written, {"names": ["a", "b"]})


@pytest.mark.parametrize(
    "given",
    [float("inf"), float("nan"), b"hi", {"hi"}, "{{ 1e308 * 10 }}", "{{ [names|map('upper')] }}", "{{ [1e308 * 10] }}"],
    ids=str,
)
def test_an_argument_that_json_cannot_hold_is_refused_at_any_depth(given: object) -> None:
    for argument in (given, {"a": [given]}):
        with pytest.raises(InputError, match="JSON can"):
            templates.render_value(argument, {"names": ["a"]})
    assert templates.render_value({"a": "{{ names|map('upper')|list }}"}, {"names": ["b"]}) == {"a": ["B"]}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("2 ** 10", 1024), ("1 ** 99999999", 1), ("2 ** -1", 0.5), ("-3 * 2.5", -7.5), ("3 * 'ab'", "ababab"),
        ("[1] * 2", [1, 1]), ("7 % 3", 1), ("'%05.1f|%d%%' % (2.25, 5)", "002.2|5%"), ("'%s' | format('a')", "a"),
        ("'a'|center(3)", " a "), ("'a'.rjust(3)", "  a"), ("'{:>3}{a}'.format(1, a=2)", "  12"),
        ("'{a}'.format_map({'a': 1})", "1"), ("('<{}>'|escape).format('<')", "&lt;&lt;&gt;"),
        ("'a\nb'|indent(1)", "a\n b"),
        ("10**4299 % 7", 10**4299 % 7),
    ],
)  # fmt: skip
def test_ordinary_sums_stay_what_they_were(source: str, found: object) -> None:
    assert templates.render_value(f"{{{{ {source} }}}}", {}) == found
