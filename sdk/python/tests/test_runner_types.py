import base64
import functools
from typing import Any

import cloudpickle
import pytest

from flamepy import ObjectRef, RunnerContext, RunnerRequest, RunnerServiceKind
from flamepy.runner import types as published
from tests.support.cache_server import CacheServer
from tests.support.cluster import FakeCluster
from tests.support.published import run_published

REF = ObjectRef("grpc://h:1", "a/b/c", 1)


class Thing:
    def method(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        (lambda: 1, RunnerServiceKind.Stateless),
        (sum, RunnerServiceKind.Stateless),
        (Thing, RunnerServiceKind.Stateless),
        (Thing().method, RunnerServiceKind.Stateless),
        (functools.partial(sum, (1, 2)), RunnerServiceKind.Stateless),
        ({"a": 1}, RunnerServiceKind.Stateless),
        (Thing(), RunnerServiceKind.Stateful),
    ],
)
def test_the_kind_follows_from_the_object(thing: Any, kind: RunnerServiceKind) -> None:
    assert RunnerContext(thing).kind is kind


def test_the_kind_may_be_chosen() -> None:
    assert RunnerContext(Thing(), RunnerServiceKind.Stateless).kind is RunnerServiceKind.Stateless
    assert RunnerContext(sum, kind=RunnerServiceKind.Stateful).kind is RunnerServiceKind.Stateful
    assert (RunnerServiceKind.Stateful, RunnerServiceKind.Stateless) == (0, 1)


def test_an_execution_object_is_required() -> None:
    with pytest.raises(ValueError, match="execution_object is required"):
        RunnerContext()
    with pytest.raises(ValueError, match="execution_object is required"):
        RunnerContext(execution_object=None, kind=RunnerServiceKind.Stateless)


def test_a_request_may_have_no_input_or_one() -> None:
    assert RunnerRequest() == RunnerRequest(None, None, None, None)
    assert RunnerRequest("m", args=(1,)).args == (1,)
    assert RunnerRequest(kwargs={"a": 1}).kwargs == {"a": 1}
    assert RunnerRequest(input_object=REF).input_object == REF
    lists: Any = [1, 2]
    assert RunnerRequest(args=lists).args == (1, 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"args": (1,), "kwargs": {}},
        {"args": (), "input_object": REF},
        {"kwargs": {}, "input_object": REF},
        {"args": (1,), "kwargs": {"a": 1}, "input_object": REF},
    ],
)
def test_a_request_with_more_than_one_input_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Only one of"):
        RunnerRequest(**fields)


@pytest.mark.parametrize(
    "fields", [{"method": 1}, {"args": 1}, {"kwargs": []}, {"input_object": b"ref"}]
)
def test_a_request_with_wrong_types_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"RunnerRequest: {next(iter(fields))} should be"):
        RunnerRequest(**fields)


def test_set_object_is_refused_beside_other_input() -> None:
    for request in (RunnerRequest(args=(1,)), RunnerRequest(kwargs={})):
        with pytest.raises(ValueError, match="Only one of"):
            request.set_object("s", 1)


def test_set_object_takes_the_id_of_any_session(cluster: FakeCluster, cache: CacheServer) -> None:
    import flamepy
    from flamepy._sessions import prefixes

    with flamepy.create_session("flmrun", RunnerContext(sum)) as session:
        request = RunnerRequest(method="m")
        request.set_object(session.id, {"large": 1})
        assert request.input_object is not None
        assert request.input_object.key.startswith(f"flmrun/{session.id}/")
        assert request.input_object.get() == {"large": 1}
        prefixes._known.clear()  # As another process would: it has to ask.
        request.set_object(session.id, 2)
        assert request.input_object.get() == 2
        bound = session.request("m")
        bound.set_object(3)
        assert bound.method == "m"
        assert bound.input_object is not None
        assert bound.input_object.get() == 3
        assert cloudpickle.loads(cloudpickle.dumps(bound)) == bound


def test_the_published_request_allows_args_and_kwargs_together() -> None:
    assert published.RunnerRequest("m", (1,), {"a": 2}).kwargs == {"a": 2}
    with pytest.raises(ValueError, match="args must be a tuple or list, got <class 'int'>"):
        published.RunnerRequest(args=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (published.RunnerContext(sum), (False, True, 0, None)),
        (published.RunnerContext(sum, warmup=2), (False, True, 2, None)),
        (published.RunnerContext(sum, autoscale=False), (False, False, 1, 1)),
        (published.RunnerContext(Thing, autoscale=False, warmup=3), (False, False, 3, 3)),
        (published.RunnerContext(Thing()), (True, False, 1, 1)),
    ],
)
def test_the_published_context_derives_its_instances(
    context: published.RunnerContext, expected: tuple[Any, ...]
) -> None:
    found = (context.stateful, context.autoscale, context.min_instances, context.max_instances)
    assert found == expected


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"execution_object": sum, "stateful": True}, "always stateless"),
        ({"execution_object": Thing(), "stateful": False}, "always stateful"),
        ({"execution_object": Thing(), "autoscale": True}, "always fixed"),
        ({"execution_object": Thing(), "warmup": 2}, "only support warmup=0 or warmup=1"),
        ({"execution_object": sum, "warmup": -1}, "must be a non-negative integer"),
    ],
)
def test_a_contradicting_published_context_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        published.RunnerContext(**fields)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"session_id": ""}, "session_id cannot be empty string"),
        ({"session_id": "a" * 129}, r"session_id too long \(129 chars, max 128\)"),
        ({"session_id": 1}, "session_id must be a string, got <class 'int'>"),
        ({"application_name": 1}, "application_name must be a string, got <class 'int'>"),
    ],
)
def test_wishes_for_a_session_are_checked(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        published.SessionContext(**fields)
    assert published.SessionContext("a" * 128, "app").session_id == "a" * 128


def test_a_context_of_the_published_client_is_read_with_its_derived_fields() -> None:
    made = run_published(
        "import base64, json, cloudpickle\n"
        "from flamepy.runner import RunnerContext\n"
        "context = RunnerContext(sum, autoscale=False, warmup=2)\n"
        "print(json.dumps(base64.b64encode(cloudpickle.dumps(context)).decode()))"
    )
    context = cloudpickle.loads(base64.b64decode(made))
    assert context == published.RunnerContext(sum, autoscale=False, warmup=2)
    assert (context.min_instances, context.max_instances) == (2, 2)
