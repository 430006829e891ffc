"""A press is kept until the pass that comes to its button, and acts once."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def interrupted() -> None:
    """A page whose pass is started again before it comes to its button."""
    import streamlit as st

    from pages._ui.buttons import begin_pass, button, end_pass

    begin_pass()
    if st.session_state.get("interrupt"):
        st.session_state["interrupt"] = False
        st.rerun()
    if st.session_state.get("drawn", True) and button("Go", key="go"):
        st.session_state["went"] = st.session_state.get("went", 0) + 1
    end_pass()


def went(page: AppTest) -> int:
    return page.session_state["went"] if "went" in page.session_state else 0  # noqa: SIM401  # it has no get


def test_a_press_outlives_a_pass_that_is_started_again() -> None:
    page = AppTest.from_function(interrupted).run()
    page.session_state["interrupt"] = True
    page.button(key="go").click().run()
    assert went(page) == 1
    assert went(page.run()) == 1, "and acts once"


def test_a_press_of_a_button_that_is_gone_does_not_wait_for_it() -> None:
    page = AppTest.from_function(interrupted).run()
    page.session_state["drawn"] = False
    page.button(key="go").click().run()
    assert went(page) == 0
    page.session_state["drawn"] = True
    assert went(page.run()) == 0


def test_pages_draw_no_button_that_can_lose_a_press() -> None:
    from engine import settings

    found = [
        f"{path.name}: {word}"
        for path in (settings.ROOT / "pages").rglob("*.py")
        for word in ("st.button(", "st.menu_button(", "st.form_submit_button(")
        if word in path.read_text() and path.name not in ("buttons.py", "__init__.py")
    ]
    assert found == [], "draw buttons with pages/_ui/buttons.py"
