"""A proxy in the environment: left out for this machine, named where it is used."""

import socket
import threading
from collections.abc import Iterator

import pytest

import flamepy
from flamepy import FlameError
from flamepy._client import channel
from flamepy._client.proxy import channel_options, proxy_text
from flamepy._objects import flight_errors
from tests.support.cache_server import CacheServer
from tests.support.cluster import FakeCluster

_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy")


class RefusingProxy:
    """Answers every CONNECT with 403, and keeps what it was asked for."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked: list[str] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(4096).decode().split("\r\n")[0])
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture(autouse=True)
def no_proxy_of_the_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def proxy() -> Iterator[RefusingProxy]:
    server = RefusingProxy()
    yield server
    server.close()


@pytest.mark.parametrize("name", ["grpc_proxy", "https_proxy", "http_proxy"])
def test_a_loopback_cluster_is_dialled_directly(
    name: str, proxy: RefusingProxy, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "_READY_SECONDS", 5.0)
    monkeypatch.setenv(name, proxy.url)
    assert [app.name for app in flamepy.list_applications()] == ["flmrun"]
    assert proxy.asked == []


@pytest.mark.parametrize("name", ["grpc_proxy", "https_proxy", "http_proxy"])
def test_a_loopback_object_cache_is_dialled_directly(
    name: str, proxy: RefusingProxy, cache: CacheServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, proxy.url)
    assert flamepy.get_object(flamepy.put_object("app/session", {"a": 1})) == {"a": 1}
    assert proxy.asked == []


def test_the_proxy_to_another_machine_is_named_when_nothing_answers(
    proxy: RefusingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "_READY_SECONDS", 0.5)
    monkeypatch.setattr(flight_errors, "_RETRY_SECONDS", 0.1)
    monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//me:secret@"))
    monkeypatch.setenv("FLAME_ENDPOINT", "http://flame.invalid:8080")
    monkeypatch.setenv("FLAME_CACHE_ENDPOINT", "grpc://flame.invalid:9090")
    named = f' through the proxy "{proxy.url}" of http_proxy; is '
    with pytest.raises(FlameError) as caught:
        flamepy.list_applications()
    assert named in str(caught.value)
    with pytest.raises(FlameError) as caught:
        flamepy.put_object("app/session", 1)
    assert named in str(caught.value)
    assert "CONNECT flame.invalid:8080 HTTP/1.1" in proxy.asked
    assert "CONNECT flame.invalid:9090 HTTP/1.1" in proxy.asked


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0"],
)
def test_a_machine_needs_no_proxy_to_itself(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    assert channel_options(host) == [("grpc.enable_http_proxy", 0)]
    assert proxy_text(host) == ""


@pytest.mark.parametrize(
    ("host", "listed", "direct"),
    [
        ("flame.example", "a.example, .example", True),
        ("flame.example", "a.example,,", False),
        ("flame.example", "10.0.0.0/8", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8,no/network", False),
    ],
)
def test_hosts_that_no_proxy_lists_are_dialled_directly(
    host: str, listed: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", listed)
    assert channel_options(host) == []
    assert (proxy_text(host) == "") is direct
