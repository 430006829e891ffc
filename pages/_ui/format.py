"""Numbers, money and times as people read them. What is unknown is a dash, never 0."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import streamlit as st

UNKNOWN = "–"


def count(value: int | None) -> str:
    """12345 → "12,345"."""
    return UNKNOWN if value is None else f"{value:,}"


def short_count(value: float | None) -> str:
    """1234567 → "1.2 M", for places where width is short."""
    if value is None:
        return UNKNOWN
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):.1f} {letter}"
    return f"{value:,.0f}"


def number(value: float | None, digits: int = 2) -> str:
    """0.5 → "0.50"."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """A share 0..1 → "42%"."""
    return UNKNOWN if value is None else f"{value * 100:.{digits}f}%"


def money(dollars: float | None) -> str:
    """1.5 → "$1.50"; small sums keep two digits that count; an exact 0 is "$0"."""
    if dollars is None:
        return UNKNOWN
    if dollars == 0:
        return "$0"
    return f"${dollars:,.2f}" if dollars >= 0.1 else f"${dollars:.2g}" if dollars >= 0.0001 else "<$0.0001"


def seconds(value: float | None) -> str:
    """0.004 → "4 ms", 75 → "1 min 15 s", 7500 → "2 h 5 min"."""
    if value is None:
        return UNKNOWN
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def ago(epoch: float | None, now: float | None = None) -> str:
    """A time in epoch seconds → "12 s ago"."""
    if epoch is None:
        return UNKNOWN
    age = max(0.0, (time.time() if now is None else now) - epoch)
    if age < 2:
        return "just now"
    for size, letter in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        if age >= size:
            return f"{int(age // size)} {letter} ago"
    return "just now"


def moment(epoch: float | None) -> str:
    """A time in epoch seconds → "21 Nov 2026, 11:05" in the reader's time zone."""
    return UNKNOWN if epoch is None else datetime.fromtimestamp(epoch, zone()).strftime("%d %b %Y, %H:%M")


def zone() -> ZoneInfo | timezone:
    """Return the time zone of the reader's browser; UTC where it does not say."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (KeyError, ValueError, TypeError):
        offset = st.context.timezone_offset
        return timezone(timedelta(minutes=-offset)) if offset is not None else UTC


def bytes_size(value: int | None) -> str:
    """1536 → "1.5 KB"."""
    if value is None:
        return UNKNOWN
    if value < 1024:
        return f"{value} bytes"
    size = float(value)
    for unit in ("KB", "MB", "GB"):
        size /= 1024
        if size < 1024 or unit == "GB":
            return f"{size:.1f} {unit}"
    return f"{size:.1f} GB"


def plural(value: int, noun: str, many: str = "") -> str:
    """(1, "turn") → "1 turn"; (1200, "turn") → "1,200 turns"."""
    return f"{value:,} {noun if value == 1 else many or noun + 's'}"
