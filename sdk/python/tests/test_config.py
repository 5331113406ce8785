import os
from pathlib import Path

import pytest

from flamepy import FlameContext, FlameError, FlameErrorCode
from flamepy._client.config import FlameClientTls, current_context
from flamepy._objects import connections

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
    assert context.package.excludes == [".venv", "__pycache__", ".gitignore", "*.pyc", "*.log"]
    assert context.package.storage is None
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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "current-context: x\ncontexts: [{name: x, cluster: {endpiont: 'http://h:1'}}]",
            "got the unknown key 'endpiont' in cluster, expected one of endpoint, tls, token_file; "
            "did you mean 'endpoint'?",
        ),
        ("current_context: x", "in the file, expected one of current-context, contexts"),
        (
            "current-context: x\ncontexts: [{name: x, cache: {tls: {ca: f}}}]",
            "got the unknown key 'ca' in tls",
        ),
    ],
)
def test_unknown_keys_are_refused_with_what_was_meant(text: str, told: str) -> None:
    write(text)
    with pytest.raises(FlameError) as caught:
        FlameContext()
    assert caught.value.code is FlameErrorCode.INVALID_CONFIG
    assert told in caught.value.message


def test_the_configuration_is_read_again_when_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = current_context()
    assert current_context() is first
    monkeypatch.setenv("FLAME_ENDPOINT", "http://new:1")
    assert current_context().endpoint == "http://new:1"


def test_certificate_and_token_come_from_the_file_else_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = "{cert_file: me.crt, key_file: me.key}"
    file = write(
        f"current-context: a\ncontexts: [{{name: a, cluster: {{tls: {own}, token_file: /token}}}}]"
    )
    monkeypatch.setenv("FLAME_CA_FILE", "/roots.pem")
    monkeypatch.setenv("FLAME_CERT_FILE", "/env.crt")
    monkeypatch.setenv("FLAME_KEY_FILE", "/env.key")
    monkeypatch.setenv("FLAME_TOKEN_FILE", "/env.token")
    context = FlameContext()
    here = file.parent
    assert context.tls == FlameClientTls(
        "/roots.pem", str(here / "me.crt"), str(here / "me.key"), "/token"
    )
    assert context.cache_tls == FlameClientTls("/roots.pem", "/env.crt", "/env.key", "/token")


def test_a_certificate_without_its_key_is_refused() -> None:
    write("current-context: a\ncontexts: [{name: a, cluster: {tls: {cert_file: me.crt}}}]")
    with pytest.raises(FlameError, match="it takes both") as refusal:
        FlameContext()
    assert refusal.value.code == FlameErrorCode.INVALID_CONFIG


def test_the_token_goes_to_no_server_that_a_reference_makes_up(tmp_path: Path) -> None:
    tls = FlameClientTls(token_file=str(tmp_path / "token"))
    assert connections.trusted("grpc://127.0.0.1:9090", tls)
    assert not connections.trusted("grpc://stranger:9090", tls)
    assert not connections.trusted("grpcs://stranger:9090", tls)
    assert connections.trusted("grpc+tls://stranger:9090", FlameClientTls(ca_file="/ca.crt"))
