"""What pickles name is public: private modules may be cut anew at any time."""

import base64
import importlib
import inspect
import pickle
import pickletools
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import cloudpickle
import pytest

import flamepy
from flamepy import (
    Executor,
    FlameError,
    FlameErrorCode,
    RemoteTaskError,
    RunnerContext,
    RunnerRequest,
    RunnerServiceKind,
    get_object,
    put_object,
)
from flamepy._calls.requests import encode_context, encode_request
from flamepy._model.listing import NODES, Listing
from flamepy._results.remote_errors import remote_task_error
from flamepy._results.result import ResultRef, encode_failure, encode_result
from flamepy._values import assertion_texts, codec
from flamepy._values.envelope import unseal
from flamepy.core import short_name
from flamepy.runpy import FunctionCalls
from tests.support.cache_server import CacheServer
from tests.support.published import run_published

#: Where flamepy 0.7.0 says that functions are which users' functions call.
BEFORE = [
    ("flamepy._objects", "delete_objects"),
    ("flamepy._objects", "download_object"),
    ("flamepy._objects", "get_object"),
    ("flamepy._objects", "patch_object"),
    ("flamepy._objects", "put_object"),
    ("flamepy._objects", "update_object"),
    ("flamepy._objects", "upload_object"),
    ("flamepy._names", "short_name"),
]

#: The context of an Executor's session, as flamepy 0.7.0 sends it.
EXECUTOR_BEFORE = base64.b64decode(
    "gAWVZQIAAAAAAACMDGZsYW1lcHkuY29yZZSMDVJ1bm5lckNvbnRleHSUk5QpgZR9lCiMEGV4ZWN1dGlvbl9vYmplY3"
    "SUjBdjbG91ZHBpY2tsZS5jbG91ZHBpY2tsZZSMFF9tYWtlX3NrZWxldG9uX2NsYXNzlJOUKIwIYnVpbHRpbnOUjAR0"
    "eXBllJOUjA1GdW5jdGlvbkNhbGxzlGgJjAZvYmplY3SUk5SFlH2UjApfX21vZHVsZV9flIwNZmxhbWVweS5ydW5weZ"
    "RzjCA1NzdhM2U2NmExMTY0ZGM5OWVlYWJiYmUxYWU0YWE5N5ROdJRSlGgGjA9fY2xhc3Nfc2V0c3RhdGWUk5RoFX2U"
    "KIwIX19jYWxsX1+UjBdmbGFtZXB5Ll9mdW5jdGlvbl9jYWxsc5SMFkZ1bmN0aW9uQ2FsbHMuX19jYWxsX1+Uk5SMB1"
    "9fZG9jX1+UjFRUaGUgZXhlY3V0aW9uIG9iamVjdCBvZiBhbiBleGVjdXRvcidzIHNlc3Npb246IGNhbGxzIHdoYXQg"
    "ZWFjaCByZXF1ZXN0IGJyaW5ncyBhbG9uZy6UjAhfX2luaXRfX5RoGowWRnVuY3Rpb25DYWxscy5fX2luaXRfX5STlI"
    "wKX19tb2R1bGVfX5RoEowKX19yZWR1Y2VfX5RoGowYRnVuY3Rpb25DYWxscy5fX3JlZHVjZV9flJOUjAlfZnVuY3Rp"
    "b26UaBqMF0Z1bmN0aW9uQ2FsbHMuX2Z1bmN0aW9ulJOUdX2UhpSGUjApUpSMBGtpbmSUaACMEVJ1bm5lclNlcnZpY2"
    "VLaW5klJOUSwGFlFKUdWIu"
)


def public_modules() -> list[str]:
    found = pkgutil.walk_packages(flamepy.__path__, "flamepy.")
    names = [each.name for each in found if "._" not in each.name]
    return ["flamepy", *(name for name in names if not name.endswith("__main__"))]


def named(pickled: Any) -> Iterator[tuple[str, str]]:
    """Give module and name of everything that a pickle names."""
    texts: list[str] = []
    kept: list[str] = []
    for opcode, argument, _ in pickletools.genops(bytes(pickled)):
        if isinstance(argument, str) and opcode.name != "GLOBAL":
            texts.append(argument)
        elif opcode.name == "MEMOIZE":
            kept.append(texts[-1] if texts else "")
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            texts.append(kept[int(str(argument))])
        elif opcode.name == "STACK_GLOBAL":
            yield texts[-2], texts[-1]


def private_names(pickled: Any) -> list[tuple[str, str]]:
    return [each for each in named(pickled) if each[0].startswith("flamepy.") and "._" in each[0]]


def uses_objects(prefix: str) -> Any:
    return get_object(put_object(prefix, short_name("it")))


@pytest.mark.parametrize("module", public_modules())
def test_what_is_public_is_pickled_by_a_public_name(module: str) -> None:
    if module == "flamepy.joblib":
        pytest.importorskip("joblib")
    home = importlib.import_module(module)
    for name in getattr(home, "__all__", ()):
        thing = getattr(home, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            said = getattr(thing, "__module__", "") or ""
            assert not said.startswith("flamepy.") or "._" not in said, (name, said)


def test_a_function_that_uses_objects_names_what_every_version_has() -> None:
    own = FunctionType(uses_objects.__code__, globals(), "mine")
    own.__module__ = "__main__"  # As a program's.
    for pickler in (codec.pickled, cloudpickle.dumps):
        data = pickler(own)
        names = {each for each in named(bytes(data).removeprefix(codec.PICKLE_PREFIX))}
        assert ("flamepy.core.cache", "get_object") in names
        assert ("flamepy.core.cache", "put_object") in names
        assert ("flamepy.util", "short_name") in names
        assert not [each for each in names if "._" in each[0]]


def test_services_of_flamepy_0_6_0_load_a_function_that_uses_objects() -> None:
    own = FunctionType(uses_objects.__code__, globals(), "mine")
    own.__module__ = "__main__"
    program = """
import json, pickle
function = pickle.loads(bytes.fromhex("{}"))
print(json.dumps(sorted(name for name in function.__globals__ if "object" in name)))
"""
    found = run_published(program.format(codec.pickle_of(own, "it").hex()))
    assert found == ["get_object", "put_object"]


def test_what_travels_for_calls_names_nothing_private(cache: CacheServer) -> None:
    error = remote_task_error("text", "s", "1", "KeyError", "traceback", KeyError("k"))
    stateless = RunnerContext(FunctionCalls(), RunnerServiceKind.Stateless)
    travelling = [
        unseal(encode_context(stateless, "a/s")).body,
        unseal(encode_request(RunnerRequest("m", args=(uses_objects,)), "a/s")).body,
        unseal(encode_result(ResultRef(b"x", "3.12", "a/s"), "a/s")).body,
        unseal(encode_result(Listing([1], NODES), "a/s")).body,
        unseal(encode_result([error, RemoteTaskError("t")], "a/s")).body,
        unseal(encode_failure(FlameError(FlameErrorCode.INTERNAL, "it"))).body,
        unseal(encode_failure(error)).body,
    ]
    for data in travelling:
        assert len(bytes(data)) > 10
        assert list(named(data)) or b"\x93" not in bytes(data)
        assert private_names(data) == []
    with pytest.raises(TypeError, match="it is of the process that made it"):
        encode_result(Executor.__new__(Executor), "a/s")


@pytest.mark.parametrize(("module", "name"), BEFORE)
def test_what_flamepy_0_7_0_names_is_found(module: str, name: str) -> None:
    data = b"\x80\x04" + b"".join(
        b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)
    )
    data += b"\x93."
    assert list(named(data)) == [(module, name)]
    for loads in (pickle.loads, codec.decode):
        found = loads(data)
        assert found is getattr(importlib.import_module(found.__module__), name)
        assert "._" not in found.__module__


def test_the_stand_in_for_pytest_is_sent_as_that_of_pytest() -> None:
    data = codec.pickled({"module": assertion_texts})
    assert b"flamepy" not in bytes(data)
    assert codec.decode(data)["module"] is sys.modules["_pytest.assertion.rewrite"]
    before = cloudpickle.dumps(sys.modules["_pytest.assertion.rewrite"]).replace(
        b"\x8c\x19_pytest.assertion.rewrite", b"\x8c\x18flamepy._assertion_texts"
    )
    assert b"flamepy._assertion_texts" in before
    before = b"\x80\x05" + before[11:]  # Its frame says the length of before.
    with pytest.MonkeyPatch.context() as patch:
        assert codec.decode(before) is sys.modules["_pytest.assertion.rewrite"]
        patch.setitem(sys.modules, "_pytest.assertion.rewrite", None)
        assert codec.decode(before) is assertion_texts


def test_sessions_of_an_executor_of_flamepy_0_7_0_are_read() -> None:
    assert ("flamepy._function_calls", "FunctionCalls.__call__") in set(named(EXECUTOR_BEFORE))
    context = codec.decode(EXECUTOR_BEFORE)
    assert type(context.execution_object) is FunctionCalls


def test_an_executor_sends_its_context_by_names_that_every_version_has() -> None:
    program = """
import flamepy, pickletools
from flamepy._calls import executor
from flamepy._values import codec
data = bytes(codec.pickled(executor.FunctionCalls()))
print([each for _, each, _ in pickletools.genops(data[4:]) if isinstance(each, str)])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "['flamepy.runpy', 'FunctionCalls']\n"
