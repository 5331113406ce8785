"""The source text in remote tracebacks, where the file of a function is with the client."""

from __future__ import annotations

import linecache
import re

_FRAME = re.compile(r'^(?P<indent>[ |+-]*)File "(?P<file>[^"]+)", line (?P<line>\d+)')


def with_sources(traceback: str) -> str:
    """Return a traceback of an executor with the lines of files that only this process has.

    Cells of notebooks are such files as well.
    """
    lines = traceback.split("\n")
    found: list[str] = []
    for at, text in enumerate(lines):
        found.append(text)
        frame = _FRAME.match(text)
        if frame is None:
            continue
        deeper = frame["indent"] + "  "
        has_source = at + 1 < len(lines) and lines[at + 1].startswith(deeper)
        source = "" if has_source else linecache.getline(frame["file"], int(frame["line"])).strip()
        if source:
            found.append(deeper + source)
    return "\n".join(found)
