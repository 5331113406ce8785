"""What get_data shows of tasks."""

from __future__ import annotations

from typing import Any

import cloudpickle
import pytest

import flamepy
from flamepy import ObjectRef, put_object
from flamepy._calls.requests import encode_request
from flamepy._results.result import encode_result
from flamepy.runner import ErrorType, RunnerError, RunnerRequest, get_data
from tests.support.cache_server import CacheServer


def shown(request: Any) -> dict[str, Any]:
    return get_data(cloudpickle.dumps(request))


def test_a_request_shows_method_and_arguments(cache: CacheServer) -> None:
    nothing: dict[str, Any] = {
        "type": "input",
        "method": None,
        "args": None,
        "kwargs": None,
        "metadata": {},
    }
    assert shown(RunnerRequest()) == nothing
    ref = put_object("app/ssn", 7)
    request = RunnerRequest("add", [ref, [ref, {"deep": (ref.encode(),)}], b"raw"], {"n": ref})
    told = shown(request)
    assert told["args"] == (7, [7, {"deep": (7,)}], b"raw")
    assert (told["method"], told["kwargs"]) == ("add", {"n": 7})


def test_references_are_followed_ten_deep(cache: CacheServer) -> None:
    deep: Any = put_object("app/ssn", 7)
    for _ in range(11):
        deep = [deep]
    assert "ObjectRef" in repr(shown(RunnerRequest(args=(deep,)))["args"])
    assert "ObjectRef" not in repr(shown(RunnerRequest(args=(deep[0],)))["args"])


def test_an_output_shows_its_value(cache: CacheServer) -> None:
    ref = put_object("app/ssn", {"a": 1})
    expected = {"type": "output", "result": {"a": 1}, "metadata": {"object_ref_key": ref.key}}
    assert get_data(ref.encode()) == expected
    twice = put_object("app/ssn", cloudpickle.dumps([1]))
    assert get_data(twice.encode())["result"] == [1]
    assert get_data(put_object("app/ssn", b"raw").encode())["result"] == b"raw"
    assert get_data(cloudpickle.dumps(None)) == {"type": "output", "result": None, "metadata": {}}


def test_tasks_of_sessions_with_a_runner_context_are_shown_too(cache: CacheServer) -> None:
    large = flamepy.RunnerRequest("m", args=(b"x" * 300_000,))
    told = get_data(encode_request(large, "app/ssn"))
    assert (told["method"], told["args"]) == ("m", large.args)
    assert told["metadata"]["object_ref_key"].startswith("app/ssn/")
    ref = put_object("app/ssn", 7)
    told = get_data(encode_request(flamepy.RunnerRequest(input_object=ref), "app/ssn"))
    assert told["args"] == (7,)
    assert get_data(encode_result({"a": 1}, "app/ssn"))["result"] == {"a": 1}


@pytest.mark.parametrize("data", [b"", b"this is nothing", b"\x80\x05broken"])
def test_other_bytes_cannot_be_decoded(data: bytes) -> None:
    with pytest.raises(RunnerError, match=r"^\[decode_error\] Failed to decode data") as caught:
        get_data(data)
    assert caught.value.error_type is ErrorType.DECODE_ERROR
    assert caught.value.cause is not None


def test_an_object_that_is_gone_is_named(cache: CacheServer) -> None:
    gone = ObjectRef(cache.endpoint, "app/ssn/gone", 1)
    for data in (gone.encode(), cloudpickle.dumps(RunnerRequest(args=(gone,)))):
        with pytest.raises(
            RunnerError, match=r"^\[cache_retrieval_error\] .*app/ssn/gone"
        ) as found:
            get_data(data)
        assert (found.value.error_type, found.value.key) == (
            ErrorType.CACHE_RETRIEVAL_ERROR,
            gone.key,
        )


def test_what_is_no_bytes_is_refused() -> None:
    with pytest.raises(RunnerError, match="got a NoneType") as caught:
        get_data(None)  # type: ignore[arg-type]
    assert caught.value.error_type is ErrorType.DATA_FORMAT_ERROR
    assert caught.value.data_type == "NoneType"
