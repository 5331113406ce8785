from typing import Any

import cloudpickle
import pytest

import flamepy
from flamepy import FlameError, PythonVersionError, ResultRef, Task, TaskState
from flamepy._results.result import (
    decode_result,
    describe,
    encode_failure,
    encode_result,
    failure_of,
)
from flamepy._values import codec
from flamepy._values.envelope import seal
from tests.support.cache_server import CacheServer

PREFIX = "app/ssn"


def result(value: Any) -> flamepy.ObjectRef:
    return decode_result(encode_result(value, PREFIX), PREFIX)


def failed(output: bytes | None) -> Task:
    from datetime import UTC, datetime

    event = flamepy.Event(3, "E: text")
    return Task("1", "s", TaskState.FAILED, datetime.now(UTC), None, output, None, [event])


def test_a_small_result_needs_no_cache() -> None:
    ref = result([1, 2])
    assert ref.get() == [1, 2]
    assert flamepy.get_object(ref) == [1, 2]
    assert flamepy.get_object(ref, lambda base, deltas: (base, deltas)) == ([1, 2], [])
    ref.get().append(3)
    assert ref.get() == [1, 2]
    assert "carried" in repr(ref)


@pytest.mark.parametrize(
    "value", [None, True, -7, 1 << 500, 0.5, 1j, "text", "x" * 20_000, b"bytes", b"y" * 20_000]
)
def test_a_plain_result_is_what_any_other_is(value: Any) -> None:
    output = encode_result(value, PREFIX)
    pickled = codec.pickled(value)[len(codec.PICKLE_PREFIX) :]
    assert output == seal({"result": "value", "body": "inline"}, pickled)
    assert type(result(value).get()) is type(value)
    assert result(value).get() == value


def test_a_large_number_lies_in_the_cache(cache: CacheServer) -> None:
    number = 1 << (8 * 300_000)
    assert result(number).get() == number
    assert len(cache.objects) == 1


def test_none_is_a_result() -> None:
    assert result(None).get() is None


def test_a_small_result_is_stored_when_its_place_is_asked_for(cache: CacheServer) -> None:
    ref = result("value")
    assert not cache.objects
    plain = flamepy.ObjectRef.decode(ref.encode())
    assert plain.get() == "value"
    assert (ref.endpoint, ref.key, ref.version) == (plain.endpoint, plain.key, plain.version)
    assert ref == plain
    assert len(cache.objects) == 1
    assert ref.get() == "value"


def test_a_result_can_be_pickled_and_compared() -> None:
    ref = result("value")
    copy = cloudpickle.loads(cloudpickle.dumps(ref))
    assert copy == ref
    assert copy.get() == "value"
    assert copy != result("other")
    assert len({copy, ref}) == 1


def test_a_large_result_lies_in_the_cache(cache: CacheServer) -> None:
    ref = result(bytes(64 * 1024 * 1024))
    assert isinstance(ref, ResultRef)
    assert len(cache.objects) == 1
    assert len(ref.get()) == 64 * 1024 * 1024
    assert cloudpickle.loads(cloudpickle.dumps(ref)).key == ref.key


def test_a_large_table_is_kept_as_a_table(cache: CacheServer) -> None:
    import pyarrow

    table = pyarrow.table({"a": list(range(100_000))})
    ref = result(table)
    assert ref.get().equals(table)
    assert isinstance(cache.objects[ref.key][1], pyarrow.Table)


def test_a_result_of_another_python_is_refused_when_it_is_read() -> None:
    output = seal({"result": "value", "body": "inline", "python": "3.11"}, b"\x80")
    ref = decode_result(output, PREFIX)
    with pytest.raises(PythonVersionError, match=r"made with Python 3\.11"):
        ref.get()


def test_a_bare_reference_is_taken_as_it_is(cache: CacheServer) -> None:
    plain = flamepy.put_object(PREFIX, 5)
    assert decode_result(plain.encode(), PREFIX).get() == 5


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(FlameError, match="cannot read 0 bytes"):
        decode_result(None, PREFIX)


def test_a_failure_has_type_and_text() -> None:
    assert describe(KeyError("zz")) == "KeyError: 'zz'"
    assert describe(ValueError()) == "ValueError"
    assert describe(FlameError(flamepy.FlameErrorCode.INTERNAL, "text")) == "FlameError: text"


class Unloadable(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__("one argument only")


def test_an_exception_with_a_constructor_of_its_own_comes_back() -> None:
    import threading

    found = failure_of(failed(encode_failure(Unloadable(1, 2))))
    assert isinstance(found, Unloadable)
    assert type(found.__cause__) is Unloadable
    assert found.args == ("one argument only",)
    lock = threading.Lock()
    refused = ValueError("text", lock)
    refused.add_note("a note")
    refused.lock = lock  # type: ignore[attr-defined]
    found = failure_of(failed(encode_failure(refused)))
    assert isinstance(found, ValueError)
    assert found.args == ("text", repr(lock))
    assert not hasattr(found.__cause__, "lock")
    assert "a note" in found.remote_traceback


class Unshowable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("in str")


class Exits(Exception):
    def __reduce__(self) -> str:
        raise SystemExit(1)


def test_whatever_is_wrong_with_an_exception_its_type_is_told() -> None:
    for error, text in (
        (ValueError("bad file name \udcff"), "ValueError: bad file name \\udcff"),
        (Unshowable(), "Unshowable: (its text cannot be had: str() of it raises RuntimeError)"),
        (Exits("text"), "Exits: text"),
        (FlameError(flamepy.FlameErrorCode.INTERNAL, "\ud800"), "FlameError: \\ud800"),
    ):
        assert describe(error) == text
        found = failure_of(failed(encode_failure(error)))
        assert found.remote_type == type(error).__name__
        assert type(error).__name__ in found.remote_traceback
        found.remote_traceback.encode()


def test_a_text_of_any_length_can_be_told() -> None:
    text = describe(ValueError("x" * 10_000_000))
    assert len(text) < 70_000
    assert "characters left out" in text


def test_an_exception_of_another_python_is_not_loaded() -> None:
    output = seal({"result": "error", "type": "E", "traceback": "T", "python": "3.11"}, b"\x80")
    found = failure_of(failed(output))
    assert (found.__cause__, found.remote_traceback) == (None, "T")


def test_output_that_is_no_failure_is_left_alone() -> None:
    for output in (None, b"", b"bytes", seal({"result": "value"}, b""), b"\x89FLMRUN\n"):
        assert failure_of(failed(output)).message == "E: text"


def test_a_long_traceback_is_shortened() -> None:
    found = failure_of(failed(encode_failure(ValueError("x" * 200_000))))
    assert len(found.remote_traceback) < 70_000
    assert "characters left out" in found.remote_traceback


def test_the_cause_of_a_cause_is_in_the_traceback() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        found = failure_of(failed(encode_failure(error)))
    assert "KeyError: 'inner'" in found.remote_traceback
    assert codec.decode(codec.encode(found)).message == "E: text"
