import math
import socket

import grpc
import pytest

import flamepy
from flamepy import (
    ApplicationAttributes,
    ApplicationSchema,
    FlameError,
    FlameErrorCode,
    RunnerContext,
    SessionAttributes,
    SessionState,
    Shim,
)
from flamepy._calls.requests import referred
from flamepy._client.channel import call
from flamepy._values.envelope import unseal
from tests.support.cache_server import CacheServer
from tests.support.cluster import FakeCluster


class Counter:
    def __init__(self) -> None:
        self.value = 0


def test_an_application_is_registered_read_listed_and_removed(cluster: FakeCluster) -> None:
    attributes = ApplicationAttributes(
        shim=Shim.HOST,
        image="image",
        description="says what",
        labels=["a"],
        command="/bin/x",
        arguments=["-a", ""],
        environments={"K": "v"},
        working_directory="/w",
        max_instances=3,
        delay_release=0,
        schema=ApplicationSchema(input="{}", output=" "),
        url="file:///opt/x.whl",
        installer="python",
        task_timeout=90,
        max_crashes=2,
        max_lost_nodes=4,
        warm_instances=1,
        packages=["numpy>=2"],
    )
    assert [name for name, value in vars(attributes).items() if value is None] == []
    flamepy.register_application("app", attributes)
    found = flamepy.get_application("app")
    assert found is not None
    for name, value in vars(attributes).items():
        if name != "schema":
            assert getattr(found, name) == value, name
    assert found.schema == ApplicationSchema(input="{}")
    assert [app.name for app in flamepy.list_applications()] == ["flmrun", "app"]
    flamepy.unregister_application("app")
    assert flamepy.get_application("app") is None


def test_what_is_absent_stays_absent(cluster: FakeCluster) -> None:
    flamepy.register_application("app", {"command": "x"})
    spec = cluster.applications["app"].spec
    for name in ("url", "installer", "image", "working_directory", "schema", "max_instances"):
        assert not spec.HasField(name), name
    found = flamepy.get_application("app")
    assert found is not None
    assert (found.url, found.installer, found.schema) == (None, None, None)


def test_registering_twice_or_with_unknown_fields_is_refused(cluster: FakeCluster) -> None:
    flamepy.register_application("app", {})
    with pytest.raises(FlameError, match="already exists") as caught:
        flamepy.register_application("app", {})
    assert caught.value.code is FlameErrorCode.ALREADY_EXISTS
    with pytest.raises(FlameError, match=r"unknown \['ulr'\]"):
        flamepy.register_application("other", {"ulr": "x"})
    with pytest.raises(FlameError, match="not found") as caught:
        flamepy.unregister_application("none")
    assert caught.value.code is FlameErrorCode.NOT_FOUND


def test_a_session_is_created_opened_listed_and_closed(cluster: FakeCluster) -> None:
    session = flamepy.create_session("flmrun", b"data", resreq=flamepy.ResourceRequirement(cpu=1))
    assert session.id.startswith("flmrun-")
    assert session.common_data() == b"data"
    spec = cluster.sessions[session.id].spec
    assert (spec.batch_size, spec.min_instances, spec.HasField("max_instances")) == (1, 0, False)
    assert spec.resreq.cpu == 1
    assert cluster.metadata["flame-receive-max"] == "67108864"
    assert flamepy.open_session(session.id).id == session.id
    assert [each.id for each in flamepy.list_sessions()] == [session.id]
    session.close()
    session.close()
    assert session.state is SessionState.CLOSED
    assert session.completion_time is not None
    assert flamepy.get_session(session.id).state is SessionState.CLOSED


def test_a_session_without_common_data_has_none(cluster: FakeCluster) -> None:
    assert flamepy.create_session("flmrun").common_data() is None
    assert flamepy.create_session("flmrun", b"").common_data() == b""


def test_other_common_data_is_refused(cluster: FakeCluster) -> None:
    for other in ({}, "text", 3, math, object()):
        kind = type(other).__name__
        with pytest.raises(FlameError, match=f"is a {kind}: expected a function, a class, an obj"):
            flamepy.create_session("flmrun", other)


def test_errors_keep_their_kind(cluster: FakeCluster) -> None:
    with pytest.raises(FlameError, match="application not found") as caught:
        flamepy.create_session("none")
    assert caught.value.code is FlameErrorCode.NOT_FOUND
    flamepy.create_session("flmrun", session_id="s")
    with pytest.raises(FlameError, match="already exists") as caught:
        flamepy.create_session("flmrun", session_id="s")
    assert caught.value.code is FlameErrorCode.ALREADY_EXISTS
    with pytest.raises(FlameError, match="failed to open session 'none': none not found") as caught:
        flamepy.open_session("none")
    assert caught.value.code is FlameErrorCode.NOT_FOUND


def test_a_small_stateless_context_travels_inline(cluster: FakeCluster, cache: CacheServer) -> None:
    session = flamepy.create_session("flmrun", RunnerContext(lambda: 1))
    data = session.common_data()
    assert data is not None
    envelope = unseal(data)
    assert (envelope.text("kind"), envelope.text("body")) == ("Stateless", "inline")
    assert not cache.objects
    assert not cluster.sessions[session.id].spec.HasField("max_instances")


def test_a_large_context_travels_through_the_cache(
    cluster: FakeCluster, cache: CacheServer
) -> None:
    table = bytes(300_000)
    session = flamepy.create_session("flmrun", RunnerContext(lambda: len(table)))
    data = session.common_data()
    assert data is not None
    assert len(data) < 1000
    ref = referred(data)
    assert ref is not None
    assert ref.get().execution_object() == 300_000


def test_a_stateful_session_has_one_instance_at_most(
    cluster: FakeCluster, cache: CacheServer
) -> None:
    session = flamepy.create_session("flmrun", RunnerContext(Counter()))
    spec = cluster.sessions[session.id].spec
    assert (spec.min_instances, spec.max_instances) == (0, 1)
    with pytest.raises(FlameError, match="a stateful session has one instance at most"):
        flamepy.create_session("flmrun", RunnerContext(Counter()), max_instances=2)


def test_the_state_of_a_refused_session_is_removed_and_no_other(
    cluster: FakeCluster, cache: CacheServer
) -> None:
    flamepy.create_session("flmrun", RunnerContext(Counter()), session_id="s")
    kept = list(cache.objects)
    with pytest.raises(FlameError, match="already exists"):
        flamepy.create_session("flmrun", RunnerContext(Counter()), session_id="s")
    flamepy.open_session("s", SessionAttributes("flmrun", common_data=RunnerContext(Counter())))
    assert list(cache.objects) == kept


def test_nodes_and_executors_are_listed(cluster: FakeCluster) -> None:
    assert [node.metadata.id for node in flamepy.list_nodes()] == ["n"]
    assert flamepy.list_executors() == []


@pytest.mark.parametrize("address", ["", "nowhere", "ftp://h:1", "http://", "http://h:port"])
def test_a_bad_address_is_refused(address: str) -> None:
    with pytest.raises(FlameError, match="address of the session manager") as caught:
        flamepy.connect(address)
    assert caught.value.code is FlameErrorCode.INVALID_CONFIG


def test_a_session_manager_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flamepy._client.channel._READY_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(FlameError, match=r"nothing answered within 0\.2 s") as caught:
            flamepy.connect(f"http://127.0.0.1:{port}")
    assert caught.value.code is FlameErrorCode.INVALID_CONFIG


def test_a_missing_ca_file_is_named() -> None:
    with pytest.raises(FlameError, match="cannot read the CA file /none"):
        flamepy.connect("https://127.0.0.1:1", flamepy.core.types.FlameClientTls("/none"))


def test_a_closed_connection_says_so(cluster: FakeCluster) -> None:
    with flamepy.connect(cluster.endpoint) as connection:
        assert connection.list_applications()
    with pytest.raises(FlameError, match="is closed"):
        connection.list_applications()


def test_a_call_that_begins_while_another_thread_closes_the_connection_says_so(
    cluster: FakeCluster,
) -> None:
    channel = grpc.insecure_channel(cluster.endpoint.removeprefix("http://"))
    method = channel.unary_unary("/flame.v1.Frontend/ListApplication", None, None)
    channel.close()
    with pytest.raises(FlameError, match="failed to list: the connection is closed"):
        call("list", method, b"", repeatable=True)


def test_reads_wait_for_a_session_manager_that_restarts(cluster: FakeCluster) -> None:
    assert flamepy.get_application("flmrun") is not None
    cluster.stop()
    import threading

    again = threading.Timer(0.3, cluster.start)
    again.start()
    assert flamepy.get_application("flmrun") is not None
    again.join()
