"""What counts as a complaint in a studio's log: everything of ours, not that a browser closed a tab."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import complaints_in

CLOSED_TAB = """\
  URL: http://127.0.0.1:44265

Exception in ASGI application
Traceback (most recent call last):
  File "lib/site-packages/streamlit/web/server/starlette/starlette_websocket.py", line 516, in _websocket_endpoint
    data = await websocket.receive_bytes()
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
starlette.websockets.WebSocketDisconnected: WebSocket is not connected. Need to call "accept" first.

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "lib/site-packages/starlette/websockets.py", line 104, in send
    raise WebSocketDisconnected('Cannot call "send" once a close message has been sent.')
starlette.websockets.WebSocketDisconnected: Cannot call "send" once a close message has been sent.
"""


def test_a_closed_tab_is_no_complaint() -> None:
    assert complaints_in(CLOSED_TAB) == complaints_in(CLOSED_TAB * 2) == complaints_in(CLOSED_TAB.rstrip()) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lib/site-packages/starlette/websockets.py", "pages/review/page.py"),
        ('starlette.websockets.WebSocketDisconnected: Cannot call "send"', "ValueError:"),
        ("Exception in ASGI application\n", ""),
    ],
)
def test_any_other_traceback_is_one(before: str, after: str) -> None:
    assert complaints_in(CLOSED_TAB.replace(before, after))
    assert complaints_in(CLOSED_TAB + CLOSED_TAB.replace(before, after) + CLOSED_TAB)


def test_a_complaint_is_quoted_with_what_follows() -> None:
    found = complaints_in("first\nUncaught app execution\nTraceback (most recent call last):\nKeyError: 'x'\n")
    assert len(found) == 2
    assert found[0].endswith("KeyError: 'x'")
