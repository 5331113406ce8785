"""What a published client sends, without our own encoding in between."""

import base64
from typing import Any

import cloudpickle
import pytest

import flamepy
from flamepy import ObjectRef
from flamepy._values import codec
from flamepy.proto import types_pb2
from flamepy.runner import types as published
from tests.support.instance import InstanceProcess
from tests.support.runpy_client import Client, Counter, by_value


@pytest.fixture
def client(runpy: InstanceProcess) -> Client:
    return Client(runpy)


def published_data(prefix: str, context: published.RunnerContext) -> bytes:
    return flamepy.put_object(prefix, cloudpickle.dumps(by_value(context))).encode()


def published_call(client: Client, request: published.RunnerRequest) -> Any:
    client.tasks += 1
    data = cloudpickle.dumps(by_value(request))
    result = client.process.invoke(str(client.tasks), data)
    if result.return_code != 0:
        raise RuntimeError(result.message)
    return ObjectRef.decode(result.output).get()


def test_a_published_function_service_works(client: Client) -> None:
    assert (
        client.process.enter(
            published_data(client.prefix, published.RunnerContext(lambda a, b=0: a + b))
        )
        == types_pb2.Result()
    )
    assert published_call(client, published.RunnerRequest(args=(1,), kwargs={"b": 2})) == 3
    ref = flamepy.put_object(client.prefix, 40)
    assert published_call(client, published.RunnerRequest(args=(ref, 2))) == 42


def test_a_published_instance_service_keeps_its_state(client: Client) -> None:
    data = published_data(client.prefix, published.RunnerContext(Counter()))
    client.process.enter(data)
    assert published_call(client, published.RunnerRequest("add", (2,))) == 2
    assert published_call(client, published.RunnerRequest("add", (4,))) == 6
    with pytest.raises(RuntimeError, match="ValueError: after 9"):
        published_call(client, published.RunnerRequest("add_then_fail", (9,)))
    client.process.leave()
    client.process.enter(data)
    assert published_call(client, published.RunnerRequest("add", (0,))) == 6


def test_a_published_class_service_is_instantiated_once(client: Client) -> None:
    client.process.enter(published_data(client.prefix, published.RunnerContext(Counter)))
    assert published_call(client, published.RunnerRequest("add", (2,))) == 2
    assert published_call(client, published.RunnerRequest("add", (2,))) == 4


#: Made by flamepy 0.6.0: cloudpickle of RunnerRequest("m", (ObjectRef(...),), {"k": 1}).
PUBLISHED_REQUEST = (
    "gAWVwAAAAAAAAACMFGZsYW1lcHkucnVubmVyLnR5cGVzlIwNUnVubmVyUmVxdWVzdJSTlCmBlH2UKIwGbWV0aG9k"
    "lIwBbZSMBGFyZ3OUjBJmbGFtZXB5LmNvcmUuY2FjaGWUjAlPYmplY3RSZWaUk5QpgZR9lCiMCGVuZHBvaW50lIwT"
    "Z3JwYzovLzEuMi4zLjQ6OTA5MJSMA2tleZSMBWEvYi9jlIwHdmVyc2lvbpRLAXVihZSMBmt3YXJnc5R9lIwBa5RL"
    "AXN1Yi4="
)


def test_pickles_of_the_published_client_are_read() -> None:
    request = cloudpickle.loads(base64.b64decode(PUBLISHED_REQUEST))
    assert isinstance(request, published.RunnerRequest)
    assert request.args == (ObjectRef("grpc://1.2.3.4:9090", "a/b/c", 1),)
    assert request.kwargs == {"k": 1}


#: Made by flamepy 0.6.0: cloudpickle of ObjectRef("e", "a/b/c", Int64(1)), as its put_object
#: gives references: the class of the version is pymongo's.
PUBLISHED_REFERENCE = (
    "gAWVcwAAAAAAAACMEmZsYW1lcHkuY29yZS5jYWNoZZSMCU9iamVjdFJlZpSTlCmBlH2UKIwIZW5kcG9pbnSUjAFl"
    "lIwDa2V5lIwFYS9iL2OUjAd2ZXJzaW9ulIwKYnNvbi5pbnQ2NJSMBUludDY0lJOUSwGFlIGUfZRidWIu"
)


def test_references_that_it_put_are_read_without_pymongo() -> None:
    data = base64.b64decode(PUBLISHED_REFERENCE)
    ref = codec.load(data, "a request")
    assert ref == ObjectRef("e", "a/b/c", 1)
    # On its way back it needs nothing of that, and what else is missing is still told.
    again = cloudpickle.loads(cloudpickle.dumps(ref))
    assert type(again.version) is int
    with pytest.raises(ModuleNotFoundError, match="bsin"):
        codec.load(data.replace(b"bson", b"bsin"), "a request")
