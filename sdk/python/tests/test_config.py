import logging
import os
from pathlib import Path

import pytest

from flamepy import FlameContext, FlameError, FlameErrorCode
from flamepy._config import current_context

FILE = """
current-context: local
contexts:
  - name: other
    cluster: {endpoint: "http://other:1"}
  - name: local
    cluster: {endpoint: "https://here:8443", tls: {ca_file: /ca.crt}}
    cache: {endpoint: "grpcs://here:9090", storage: /objects}
    package: {excludes: ["*.log"]}
    runner: {template: mine}
"""


def write(text: str) -> Path:
    file = Path(os.environ["HOME"]) / ".flame" / "flame.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def test_everything_points_at_this_machine_without_a_file() -> None:
    context = FlameContext()
    assert context.endpoint == "http://127.0.0.1:8080"
    assert context.cache_endpoint == "grpc://127.0.0.1:9090"
    assert context.runner.template == "flmrun"
    assert (context.tls, context.cache_tls, context.package) == (None, None, None)


def test_the_current_context_of_the_file_is_used() -> None:
    write(FILE)
    context = FlameContext()
    assert context.endpoint == "https://here:8443"
    assert context.tls is not None
    assert context.tls.ca_file == "/ca.crt"
    assert context.cache_endpoint == "grpcs://here:9090"
    assert context.cache_tls is None
    assert context.cache.storage == "/objects"
    assert context.package is not None
    assert context.package.excludes == ["*.log"]
    assert context.runner.template == "mine"


def test_the_environment_wins_and_the_ca_file_fills_what_is_unset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(FILE)
    monkeypatch.setenv("FLAME_ENDPOINT", "http://env:1")
    monkeypatch.setenv("FLAME_CACHE_ENDPOINT", "grpc://env:2")
    monkeypatch.setenv("FLAME_CA_FILE", "/env.crt")
    context = FlameContext()
    assert (context.endpoint, context.cache_endpoint) == ("http://env:1", "grpc://env:2")
    assert context.tls is not None
    assert context.cache_tls is not None
    assert (context.tls.ca_file, context.cache_tls.ca_file) == ("/ca.crt", "/env.crt")


def test_a_cache_without_an_endpoint_is_the_default_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAME_CACHE_STORAGE", "/objects")
    assert FlameContext().cache_endpoint == "grpc://127.0.0.1:9090"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("contexts: []", "current-context is missing"),
        ("current-context: x\ncontexts: []", "no context has that name"),
        ("- 1", "expected a mapping"),
        ("a: [", "is not YAML"),
        ("current-context: x\ncontexts: [{name: x, cluster: 3}]", "cluster should be a mapping"),
    ],
)
def test_a_broken_file_is_reported_with_its_place(text: str, reason: str) -> None:
    file = write(text)
    with pytest.raises(FlameError, match=reason) as caught:
        FlameContext()
    assert caught.value.code is FlameErrorCode.INVALID_CONFIG
    assert str(file) in caught.value.message


def test_unknown_keys_are_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    write("current-context: x\ncontexts: [{name: x, cluster: {endpiont: 'http://h:1'}}]")
    with caplog.at_level(logging.WARNING, "flamepy"):
        FlameContext()
    assert "unknown key 'endpiont' in cluster; did you mean 'endpoint'?" in caplog.text


def test_the_configuration_is_read_again_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = current_context()
    assert current_context() is first
    monkeypatch.setenv("FLAME_ENDPOINT", "http://new:1")
    assert current_context().endpoint == "http://new:1"
