"""Stands in for ``_pytest.assertion.rewrite`` on an executor without pytest.

Functions of test modules call it when an assertion fails; pytest has put that into their code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: Pickles name this, so that who has pytest gets that of pytest.
STANDS_IN_FOR = "_pytest.assertion.rewrite"

_TEXT_CHARACTERS_MAX = 240


def _saferepr(thing: object) -> str:
    try:
        text = repr(thing)
    except Exception as error:
        text = f"<{type(thing).__name__} whose repr() raises {type(error).__name__}>"
    text = text if len(text) <= _TEXT_CHARACTERS_MAX else text[:_TEXT_CHARACTERS_MAX] + "..."
    return text.replace("\n", "\\n")


def _should_repr_global_name(thing: object) -> bool:
    return not callable(thing) and not hasattr(thing, "__name__")


def _format_boolop(explanations: Iterable[str], is_or: bool) -> str:
    return ("(" + (" or " if is_or else " and ").join(explanations) + ")").replace("%", "%%")


def _call_reprcompare(
    _ops: Sequence[str], results: Sequence[object], texts: Sequence[str], _things: Sequence[object]
) -> str:
    failed = (text for result, text in zip(results, texts, strict=True) if not result)
    return next(failed, texts[-1])


def _format_assertmsg(thing: object) -> str:
    text = thing if isinstance(thing, str) else _saferepr(thing)
    return text.replace("\n", "\n~").replace("%", "%%")


def _format_explanation(text: str) -> str:
    first, *others = text.split("\n")
    shown = [first]
    around = [0]  # The lines that go on behind what explains them.
    for line in others:
        mark, rest = line[:1], line[1:]
        if mark == "{":
            around.append(len(shown))
            shown.append(f" +  where {rest}")
        elif mark == "}" and len(around) > 1:
            around.pop()
            shown[around[-1]] += rest
        else:
            shown.append(rest if mark in ("~", ">") else line)
    return "\n".join(shown)


def _check_if_assertion_pass_impl() -> bool:
    return False
