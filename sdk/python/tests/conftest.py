"""What every test gets: a clean environment, and servers that end with it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import flamepy
from flamepy import ObjectSession, put_object
from flamepy._objects import connections
from flamepy._results import result
from flamepy._results.result import decode_result, encode_result
from flamepy.core import ConnectionInstance
from tests.support.cache_server import CacheServer
from tests.support.cluster import FakeCluster
from tests.support.instance import InstanceProcess
from tests.support.real_cluster import RealCluster
from tests.support.runpy_client import by_value
from tests.support.same import assert_same
from tests.support.streams import FakeStreams


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No settings of the developer's, a home of its own, and no connection left over."""
    import os

    for name in list(os.environ):
        if name.startswith("FLAME_"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    yield
    ConnectionInstance.close()
    connections.forget_clients()


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[CacheServer]:
    """An object cache, named by FLAME_CACHE_ENDPOINT."""
    with CacheServer() as server:
        monkeypatch.setenv("FLAME_CACHE_ENDPOINT", server.endpoint)
        yield server
        connections.forget_clients()


@pytest.fixture
def travels(cache: CacheServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Check a value on every way that values take, on both sides of the size limit."""

    def check(value: Any) -> None:
        ref = put_object("app/ssn", value)
        assert_same(ref.get(), value)
        assert_same(ref.get(), value)
        for limit in (2**40, 0):
            monkeypatch.setattr(result, "INLINE_BYTES_MAX", limit)
            assert_same(decode_result(encode_result(value, "app/ssn"), "app/ssn").get(), value)
        cache.objects.clear()

    return check


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """A session manager, named by FLAME_ENDPOINT; its tasks run when a test says how."""
    with FakeCluster() as server:
        monkeypatch.setenv("FLAME_ENDPOINT", server.endpoint)
        yield server
        ConnectionInstance.close()


@pytest.fixture
def streams(cluster: FakeCluster) -> FakeStreams:
    """The streams of tasks of ``cluster``, on which a test says what is answered."""
    cluster.stop()
    cluster.streams = streams = FakeStreams()
    cluster.start()
    return streams


@pytest.fixture(scope="session")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """Session manager, object cache and executor manager as they are, for all tests."""
    with RealCluster(tmp_path_factory.mktemp("flame")) as running:
        yield running


@pytest.fixture
def real(daemons: RealCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[RealCluster]:
    """The same, named by FLAME_ENDPOINT and FLAME_CACHE_ENDPOINT."""
    for name, value in daemons.client_environment.items():
        monkeypatch.setenv(name, value)
    yield daemons
    ConnectionInstance.close()
    connections.forget_clients()


@pytest.fixture
def make_session(real: RealCluster) -> Iterator[Callable[..., ObjectSession]]:
    """Creates sessions of a function, class or object, which end with the test."""
    by_value(None)  # The executors do not have the modules of the tests.
    made = []

    def create(thing: Any, **given: Any) -> ObjectSession:
        session = flamepy.create_session("flmrun", thing, **given)
        assert isinstance(session, ObjectSession)
        made.append(session)
        return session

    yield create
    for session in made:
        session.cancel()
        session.close()


@pytest.fixture
def runpy(cache: CacheServer, tmp_path: Path) -> Iterator[InstanceProcess]:
    """A real process of flamepy.runpy on a unix socket."""
    with InstanceProcess(tmp_path, cache_endpoint=cache.endpoint) as process:
        yield process
