"""Errors of tasks are caught as what the task raised."""

from __future__ import annotations

import abc
import asyncio
import copy
import dataclasses
import errno
import linecache
import pickle
import sys
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from typing import Any

import pytest

import flamepy
from flamepy import FlameError, FlameErrorCode, RemoteTaskError, Task, TaskState
from flamepy._results.result import describe, encode_failure, failure_of
from flamepy._values.envelope import PYTHON, seal


def told(output: bytes) -> RemoteTaskError:
    event = flamepy.Event(3, "E: text")
    return failure_of(
        Task("1", "s", TaskState.FAILED, datetime.now(UTC), None, output, None, [event])
    )


def sent(error: BaseException) -> RemoteTaskError:
    return told(encode_failure(error))


class Coded(Exception):
    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.message = reason


class Slotted(Exception):
    __slots__ = ("limit",)

    def __init__(self, limit: int) -> None:
        self.limit = limit


@dataclasses.dataclass
class Data(Exception):
    first: int
    second: str = ""


class Abstract(Exception, abc.ABC):
    def __new__(cls, *, needed: int) -> Abstract:
        return super().__new__(cls, needed)

    def __init__(self, *, needed: int) -> None:
        self.needed = needed


class Filed(OSError):
    def __init__(self, path: str) -> None:
        super().__init__(errno.ENOENT, "no such thing", path)


class Own(RuntimeError):
    def __reduce__(self) -> Any:
        return (Own, ("reduced",))


class Sealed(Exception):
    def __init_subclass__(cls) -> None:
        raise TypeError("no subclasses")


def test_an_error_is_what_the_task_raised() -> None:
    errors: list[Exception] = [
        KeyError("zz"),
        OSError(errno.EPERM, "no", "/x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        SyntaxError("text", ("file", 1, 2, "source")),
        ImportError("text", name="a", path="b"),
        TimeoutError("late"),
        Coded(404, reason="gone"),
        Slotted(3),
        Data(1, "two"),
        Abstract(needed=4),
        Filed("/none"),
        Own("text"),
        FlameError(FlameErrorCode.NOT_FOUND, "text"),
    ]
    for error in errors:
        found = sent(error)
        assert isinstance(found, type(error))
        assert isinstance(found, RemoteTaskError)
        cause: Any = found.__cause__
        assert type(cause) is type(error)
        for name in ("errno", "filename", "reason", "object", "lineno", "path", "code", "limit"):
            if hasattr(error, name) and not isinstance(error, Own):
                assert getattr(found, name) == getattr(error, name), (error, name)
                assert getattr(cause, name) == getattr(error, name), (error, name)
        if not isinstance(error, Own | FlameError):
            assert found.args == cause.args == error.args
        assert (found.session_id, found.task_id) == ("s", "1")
        assert str(found) == "E: text (code: 3)"


def test_an_attribute_of_both_is_that_of_the_original() -> None:
    found = sent(Coded(404, reason="gone"))
    assert isinstance(found, Coded)
    assert (found.code, found.message) == (404, "gone")
    plain = sent(KeyError("zz"))
    assert (plain.code, plain.message) == (FlameErrorCode.INTERNAL, "E: text")
    nested = sent(plain)
    assert isinstance(nested, KeyError)
    assert (nested.session_id, nested.message) == ("s", "E: text")


@pytest.mark.parametrize(
    "error", [KeyError("zz"), Coded(404, reason="gone"), Filed("/none"), Data(1)], ids=repr
)
def test_an_error_can_be_copied_and_pickled(error: Exception) -> None:
    found = sent(error)
    for again in (copy.copy(found), pickle.loads(pickle.dumps(found)), sent(found)):
        assert isinstance(again, type(error))
        assert isinstance(again, RemoteTaskError)
        assert again.args == found.args
        assert str(again) == "E: text (code: 3)"
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("outer") from found
    assert caught.value.__cause__ is found


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        StopIteration(1),
        StopAsyncIteration(),
        CancelledError(),
        BaseExceptionGroup("g", [KeyboardInterrupt()]),
        Sealed("text"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_means_something_to_python_is_only_the_cause(error: BaseException) -> None:
    found = sent(error)
    assert type(found) is RemoteTaskError
    assert type(found.__cause__) is type(error)


def test_a_group_can_be_caught_in_parts() -> None:
    inner = [Coded(1, reason="one"), KeyError("zz"), ExceptionGroup("deep", [Filed("/none")])]
    caught: list[Any] = []
    try:
        raise sent(ExceptionGroup("several", inner))
    except* KeyError as group:
        caught.extend(group.exceptions)
    except* Coded as group:
        caught.extend(group.exceptions)
    except* OSError as group:
        deep: Any = group.exceptions[0]
        caught.extend(deep.exceptions)
    assert [type(each) for each in caught] == [KeyError, Coded, Filed]
    assert [caught[1].code, caught[2].filename] == [1, "/none"]


def test_the_class_alone_is_enough_to_catch_an_error() -> None:
    names = ["no_such_module:Local", f"{__name__}:Coded", "builtins:Exception"]
    for classes, kind in (
        (names, Coded),
        (["no_such:E", "builtins:LookupError"], LookupError),
        (["no_such:E", "builtins:Exception"], RemoteTaskError),
        (["builtins:SystemExit"], RemoteTaskError),
        ([f"{__name__}:told", "builtins:int"], RemoteTaskError),
        (["builtins:ExceptionGroup"], RemoteTaskError),
        ("builtins:KeyError", RemoteTaskError),
    ):
        output = seal({"result": "error", "type": "E", "classes": classes}, b"")
        found = told(output)
        assert isinstance(found, kind)
        assert (kind is RemoteTaskError) == (type(found) is RemoteTaskError)
        assert found.__cause__ is None
        assert pickle.loads(pickle.dumps(found)).remote_type == "E"


def test_other_pythons_exceptions_are_caught_by_class() -> None:
    header = {"result": "error", "python": "3.11", "classes": ["builtins:KeyError"]}
    assert isinstance(told(seal(header, b"\x80")), KeyError)


def test_the_traceback_has_the_source_that_only_the_client_has() -> None:
    cell = "def fails(x):\n    return {}[x]  # here\n"
    name = "<ipython-input-1-of-a-test>"
    linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
    traceback = (
        "Traceback (most recent call last):\n"
        f'  File "{name}", line 2, in fails\n'
        '  File "<nowhere>", line 7, in other\n'
        f'  File "{name}", line 1, in shown\n    shown already\n'
        "  + Exception Group Traceback (most recent call last):\n"
        f'  |   File "{name}", line 2, in fails\n'
        "  | KeyError: 1\n"
    )
    output = seal({"result": "error", "type": "KeyError", "traceback": traceback}, b"")
    lines = told(output).remote_traceback.split("\n")
    del linecache.cache[name]
    assert lines[2] == "    return {}[x]  # here"
    assert lines.count("    shown already") == 1
    assert lines[4].startswith(f'  File "{name}", line 1')
    assert "  |     return {}[x]  # here" in lines
    assert len(lines) == len(traceback.split("\n")) + 2


def test_a_missing_module_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ModuleNotFoundError("No module named 'nump'", name="nump")
    assert "is not installed here. Install the package" in describe(error)
    monkeypatch.setenv("FLAME_INSTANCE_ENDPOINT", "/x")
    text = describe(error)
    assert text.startswith("ModuleNotFoundError: No module named 'nump'. The module 'nump' is not ")
    assert f"on the executor (Python {PYTHON}). Name the package that has it in packages=[" in text
    assert describe(ModuleNotFoundError("text", name="os.nothing")) == "ModuleNotFoundError: text"
    assert describe(ImportError("text", name="nump")) == "ImportError: text"
    assert sys.modules["os"] is not None
