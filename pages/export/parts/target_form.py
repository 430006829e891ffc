"""The choice of the consumer that an export is for, which sets format and options; without one, of the format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import streamlit as st

from engine import plugins
from engine.errors import InputError
from engine.exporting.convert import Conversion
from engine.exporting.target import GROUPS, TRIED, Target, datasets_line, find, in_groups, is_table
from engine.types import Compression, Container, ContainerKind, Recipe
from pages._ui.config_form import config_form
from pages._ui.text import code_view, literal, option

ANY = "None: rows as a format has them"
NO_TARGET = (
    "Rows as the format has them. Whether a trainer reads a mark on a turn that must not be trained is then for you to "
    "find out: TRL, prime-rl and LLaMA-Factory read none."
)
FORMAT = "chat_jsonl"
KINDS: Mapping[ContainerKind, str] = {"jsonl": "JSON Lines", "json": "JSON array", "parquet": "Parquet"}
PACKINGS: Mapping[Compression, str] = {"none": "None", "gzip": "gzip", "zstd": "zstd"}


def target_form() -> tuple[str | None, str]:
    """Draw the choice of the consumer, and of the format where none is named; return both."""
    listed = in_groups()
    usual = [name for name in listed if find(name).usual]
    st.pills(
        "What reads the file",
        usual,
        key="export_usual",
        format_func=lambda name: option(title(name)),
        on_change=take_usual,
        width="stretch",
        wrap=True,
    )
    left, right = st.columns(2)
    target = left.selectbox(
        f"Any of the {len(listed)}",
        [None, *listed],
        key="export_target",
        format_func=lambda name: ANY if name is None else f"{GROUPS[find(name).group]}: {title(name)} ({name})",
        help="What reads the file; type to search. It sets the format, how turns that must not be trained stay so, "
        "and the lines that its configuration needs.",
        on_change=show_usual,
        args=(usual,),
    )
    every_target(listed)
    if target is not None:
        chosen = find(target)
        right.caption(chosen.line)
        right.caption(chosen.masking)
        right.caption(f"How we know that it takes the rows: {TRIED[chosen.tried]}.")
        return target, chosen.format
    kinds = plugins.names("exporters")
    kind = right.selectbox(
        "Format",
        kinds,
        kinds.index(FORMAT) if FORMAT in kinds else 0,
        key="export_format",
        format_func=lambda n: f"{n}: {plugins.label('exporters', n)}",
    )
    st.caption(NO_TARGET)
    return None, kind


def take_usual() -> None:
    """Choose the pressed one of the usual targets; none when it was pressed again."""
    st.session_state["export_target"] = st.session_state["export_usual"]


def show_usual(usual: Sequence[str]) -> None:
    """Mark the chosen target among the usual ones, where it is one of them."""
    chosen = st.session_state["export_target"]
    st.session_state["export_usual"] = chosen if chosen in usual else None


def every_target(listed: Sequence[str]) -> None:
    """Draw what each target is, in one line each, by group."""
    with st.expander(
        f"What the {len(listed)} are", key="export_every_target", on_change="rerun", icon=":material/list:"
    ) as opened:
        if opened.open:
            for group, head in GROUPS.items():
                told = [
                    f"- **{literal(title(name))}** `{name}`: {literal(find(name).line)}"
                    for name in listed
                    if find(name).group == group
                ]
                st.markdown("\n".join([f"{head}", "", *told]))


def options_form(target: str | None, kind: str) -> dict[str, Any] | None:
    """Draw the options that the target does not fix; return those that differ from the defaults, or None with the
    reason drawn."""
    config = plugins.load("exporters", kind).config
    allowed: Mapping[str, tuple[Any, ...]] = find(target).options if target else {}
    if all(len(allowed.get(name, (1, 2))) == 1 for name in config.model_fields):
        return {}
    name = f"to_{target}" if target else kind
    with st.expander("Options of the format", key=f"options_{name}", icon=":material/tune:"):
        try:
            return config_form(config, key=f"export_{name}", allowed=allowed)
        except InputError as error:
            st.error(literal(str(error)), icon=":material/error:")
            return None


def container_form(target: str | None, format: str) -> Container | None:
    """Draw in what files the rows stand, as far as the target reads several; return it, None for the usual ones. The
    format `format` has none to choose where it writes a table."""
    if is_table(format):
        return None
    found = find(target) if target else None
    kinds = found.containers if found else tuple(KINDS)
    packed: tuple[Compression, ...] = found.packed if found else ("none", "gzip", "zstd")
    sharded = found.sharded if found else True
    if len(kinds) == len(packed) == 1 and not sharded:
        return None
    key = f"export_container_{target or 'any'}"
    with (
        st.expander("Files", key=f"{key}_files", icon=":material/folder_zip:"),
        st.grid(4, min_column_width=130),
    ):
        kind = st.selectbox("Kind of file", kinds, key=f"{key}_kind", format_func=KINDS.__getitem__)
        packings = ("zstd", "gzip", "none") if kind == "parquet" else packed
        compression = st.selectbox(
            "Compression",
            packings,
            key=f"{key}_{'columns' if kind == 'parquet' else 'compression'}",
            format_func=PACKINGS.__getitem__,
            help="Of the columns inside a Parquet file, and of any other file as a whole.",
        )
        rows = megabytes = None
        if sharded:
            rows = st.number_input("Rows a file, at most", 1, 10**9, None, key=f"{key}_rows", placeholder="all")
            megabytes = st.number_input(
                "MB a file, at most",
                1,
                10**6,
                None,
                key=f"{key}_bytes",
                placeholder="all",
                help="As JSON Lines, before any compression.",
            )
    usual = Container(kind=kind).packed == compression
    chosen = Container(
        kind=kind,
        compression=None if usual else compression,
        shard_rows=rows,
        shard_bytes=megabytes * 10**6 if megabytes else None,
    )
    return None if chosen == Container(kind=kinds[0]) else chosen


def untrained_form(target: str | None) -> Literal["mask", "cut"]:
    """Draw how rejected turns stay untrained, where there is a choice; return it."""
    possible = find(target).untrained if target else {"mask": "", "cut": ""}
    if len(possible) == 1:
        return next(iter(possible))
    plain = {"mask": "is not trained" if target else "is masked", "cut": "ends the dialogue"}
    return st.selectbox(
        "A rejected turn",
        list(possible),
        key=f"export_untrained{f'_to_{target}' if target else ''}",
        format_func=plain.__getitem__,
        help="; ".join(f"{plain[name]}: it {told}" for name, told in possible.items()) if target else None,
    )


def loading(recipe: Recipe, *, key: str) -> None:
    """Draw the configuration that the recipe's trainer needs; nothing without one."""
    target = known(recipe.target)
    if target is None:
        return
    container = recipe.container or Container()
    ending = container.ending if recipe.container else Conversion(recipe).exporter.suffix
    name = f"-*{ending}" if container.sharded else ending
    files = {split: f"{split}{name}" for split, share in recipe.splits.items() if share}
    st.caption(literal(f"{target.title} needs these settings; with others it may train what it must not:"))
    code_view(target.settings_for(files, recipe.container), key=key, language=target.language)
    if target.datasets:
        st.caption(literal(datasets_line(target)))


def title(name: str) -> str:
    """Return the title of a target, or its name when it is not installed any more."""
    target = known(name)
    return target.title if target else name


def known(name: str | None) -> Target | None:
    """Return a target, or None when none is named or it is not installed any more."""
    try:
        return find(name) if name is not None else None
    except InputError:
        return None
