"""The tool files of a pack: the tools that each defines, and callbacks that create, activate or deactivate one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

import streamlit as st

from engine.domains.signature import tools_from_source
from engine.errors import InputError
from engine.types import Tool
from pages._ui.text import literal
from pages.design.parts.draft.domain_draft import Draft, draft_named
from pages.design.parts.draft.problems import Problem, problems_of

OFF = ".off"
_NEW = '''"""{title}."""


def {name}(text: str) -> dict:
    """Say in one sentence what the tool does; the model reads this.

    Args:
        text: What the argument means, and its form.

    Effect: read
    """
    return {{"text": text}}
'''


@dataclass(frozen=True)
class ToolFile:
    """One file under tools/. `problems` name their lines; a private module (`_name.py`) defines no tools."""

    path: str
    active: bool
    private: bool
    tools: tuple[Tool, ...]
    problems: tuple[Problem, ...]

    @property
    def module(self) -> str:
        """The file's name without .py and .off."""
        return PurePosixPath(self.path.removesuffix(OFF)).stem

    @property
    def name(self) -> str:
        """The file's name when active."""
        return PurePosixPath(self.path.removesuffix(OFF)).name


@lru_cache(maxsize=512)
def derived(path: str, source: str) -> tuple[tuple[Tool, ...], tuple[Problem, ...]]:
    """Return the tools that a source defines, or none and every problem with its line. Executes nothing."""
    try:
        return tools_from_source({path: source}), ()
    except InputError as error:
        return (), problems_of(error)


def tool_files(files: dict[str, bytes]) -> list[ToolFile]:
    """Return the files under tools/, active ones first."""
    found = []
    for path in files:
        if path.startswith("tools/") and path.endswith((".py", ".py" + OFF)):
            name = PurePosixPath(path.removesuffix(OFF)).name
            tools, problems = derived(path.removesuffix(OFF), files[path].decode(errors="replace"))
            found.append(ToolFile(path, not path.endswith(OFF), name.startswith("_"), tools, problems))
    return sorted(found, key=lambda f: (not f.active, f.private, f.name))


def find_tool_file(files: dict[str, bytes], name: str) -> ToolFile | None:
    """Return the tool file of a module name, file name or tool name, or None."""
    known = tool_files(files)
    for one in known:
        if name in (one.module, one.name, one.path):
            return one
    return next((one for one in known if any(tool.name == name for tool in one.tools)), None)


def add_tool_file(id: str, field: str) -> None:
    """Start a new tool file under the name that was typed into the widget `field`."""
    name = str(st.session_state.get(field, "")).strip().removesuffix(".py")
    draft = draft_named(id)
    if not name.isidentifier() or name != name.lower() or len(name) > 60:
        st.error("A tool file's name takes a-z, 0-9 and _, for example `refunds`.", icon=":material/error:")
        return
    if {f"tools/{name}.py", f"tools/{name}.py{OFF}"} & draft.files().keys():
        st.error(f"There is a file `tools/{name}.py` already. Choose another name.", icon=":material/error:")
        return
    draft.put(f"tools/{name}.py", _NEW.format(title=f"Tools: {name}", name=name).encode())
    st.session_state["open_tool"] = name


def switch(id: str, path: str, *, on: bool) -> None:
    """Activate or deactivate a tool file; it is renamed in the draft."""
    draft: Draft = draft_named(id)
    target = path.removesuffix(OFF) if on else path + OFF
    if target in draft.files():
        st.error(f"There is a file `{literal(target)}` already. Delete one of the two first.", icon=":material/error:")
        return
    draft.move(path, target)
