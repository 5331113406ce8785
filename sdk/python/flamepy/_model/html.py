"""How things show in notebooks: small tables, in which everything is escaped."""

from __future__ import annotations

import html
import reprlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from flamepy._model.types import Event

_TEXT_CHARACTERS_MAX = 200

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = _TEXT_CHARACTERS_MAX
_short.maxlevel = 3


def shown(value: Any) -> str:
    """Return a short text of a value of anybody's; large bytes are told by their size."""
    if isinstance(value, bytes | bytearray | memoryview) and len(value) > _TEXT_CHARACTERS_MAX:
        return f"<{len(value):,} bytes>"
    try:
        text = _short.repr(value)
    except Exception:  # Classes of the user's may look like what reprlib knows, and be not.
        text = object.__repr__(value)
    return text if len(text) <= _TEXT_CHARACTERS_MAX else f"{text[:_TEXT_CHARACTERS_MAX]}..."


def text_of(value: Any) -> str:
    """Return a cell of a table: texts as they are, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return value if isinstance(value, str) else str(value)


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[Any]], below: str = "") -> str:
    """Return a table with a head line.

    Args:
        below: a text below it; empty for none.
    """
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return _framed(title, f"<tr>{cells}</tr>{''.join(map(_row, rows))}", below)


def record(title: str, fields: Iterable[tuple[str, Any]], below: str = "") -> str:
    """Return a table of names and values, without what is None or empty."""
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th>{_cell(value)}</tr>"
        for name, value in fields
        if value not in (None, "", [], {})
    )
    return _framed(title, rows, below)


def _row(values: Sequence[Any]) -> str:
    return f"<tr>{''.join(map(_cell, values))}</tr>"


def _cell(value: Any) -> str:
    return f'<td style="text-align: left">{html.escape(text_of(value))}</td>'


def _framed(title: str, rows: str, below: str) -> str:
    after = f"<pre>{html.escape(below)}</pre>" if below else ""
    return f"<div><b>{html.escape(title)}</b><table>{rows}</table>{after}</div>"


def text_of_events(events: Iterable[Event]) -> str:
    """Return a line for each event: when it was, and what happened."""
    return "\n".join(
        f"{event.creation_time:%H:%M:%S} {event.message or event.code}" for event in events
    )
