"""The parts of the review page are redrawn alone, unless the whole page is drawn anyway."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import streamlit as st

from pages.review.parts import redrawing


@pytest.mark.parametrize(("drawn", "asked"), [(["a part"], [redrawing.PARTS]), (None, []), ([], [])])
def test_a_pass_of_the_whole_page_is_not_cut_short(
    drawn: list[str] | None, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []
    monkeypatch.setattr(redrawing, "get_script_run_ctx", lambda: SimpleNamespace(fragment_ids_this_run=drawn))
    monkeypatch.setattr(st, "rerun", told.append)
    redrawing.redraw()
    assert told == asked
