"""The places for packages, each as it is: a folder, a web server, an object cache."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from flamepy import FlameError, FlameErrorCode
from flamepy.runner.storage import (
    CacheStorage,
    FileStorage,
    HttpStorage,
    StorageBackend,
    create_storage_backend,
)
from tests.support.cache_server import CacheServer


class WebServer(HTTPServer):
    """Keeps what is PUT; paths with ``refuse`` are forbidden."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}


class _Handler(BaseHTTPRequestHandler):
    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "refuse" in self.path:
            self._answer(403, b"not you")
        else:
            self._files[self.path] = body
            self._answer(201)

    def do_GET(self) -> None:
        found = self._files.get(self.path)
        self._answer(404, b"none") if found is None else self._answer(200, found)

    def do_DELETE(self) -> None:
        self._answer(404 if self._files.pop(self.path, None) is None else 200)

    @property
    def _files(self) -> dict[str, bytes]:
        assert isinstance(self.server, WebServer)
        return self.server.files

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def web() -> Iterator[WebServer]:
    with WebServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    file = tmp_path / "app.tar.gz"
    file.write_bytes(b"package" * 500_000)
    return file


def check(storage: StorageBackend, package: Path, url: str) -> None:
    """Put, get and delete a file; a new one of the same name takes its place."""
    assert storage.upload(str(package), "app.tar.gz") == url
    package.write_bytes(b"newer")
    assert storage.upload(str(package), "app.tar.gz") == url
    got = package.parent / "new" / "folder" / "got"
    storage.download("app.tar.gz", str(got))
    assert got.read_bytes() == b"newer"
    storage.delete("app.tar.gz")
    storage.delete("app.tar.gz")
    with pytest.raises(FlameError) as caught:
        storage.download("app.tar.gz", str(got))
    assert caught.value.code is FlameErrorCode.INTERNAL


def test_a_folder(package: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    storage = create_storage_backend(folder.as_uri())
    assert isinstance(storage, FileStorage)
    check(storage, package, f"file://{tmp_path}/a%20folder/app.tar.gz")
    assert list(folder.iterdir()) == []


def test_a_file_of_the_folder_itself_may_be_put_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("data")
    assert (
        FileStorage(f"file://{tmp_path}").upload(str(tmp_path / "x"), "x")
        == (tmp_path / "x").as_uri()
    )
    assert (tmp_path / "x").read_text() == "data"


def test_a_web_server(web: WebServer, package: Path) -> None:
    base = f"http://127.0.0.1:{web.server_port}/packages"
    storage = create_storage_backend(base)
    assert isinstance(storage, HttpStorage)
    check(storage, package, f"{base}/app.tar.gz")
    assert web.files == {}


def test_a_web_server_that_refuses_is_quoted(web: WebServer, package: Path) -> None:
    storage = HttpStorage(f"http://127.0.0.1:{web.server_port}/refuse/")
    with pytest.raises(FlameError, match=r"Failed to upload package to http.*HTTP 403 - not you"):
        storage.upload(str(package), "app.tar.gz")
    nobody = HttpStorage("http://127.0.0.1:1/")
    with pytest.raises(FlameError, match=r"Failed to upload package to .*refused"):
        nobody.upload(str(package), "app.tar.gz")
    nobody.delete("app.tar.gz")  # Cleaning up tells the log alone.


def test_the_object_cache(cache: CacheServer, package: Path) -> None:
    storage = create_storage_backend(None, app_name="app")
    assert isinstance(storage, CacheStorage)
    check(storage, package, f"{cache.endpoint}/app/pkg/app.tar.gz")
    assert cache.objects == {}


def test_another_object_cache_than_the_configured_one(cache: CacheServer, package: Path) -> None:
    with CacheServer() as other:
        storage = create_storage_backend(other.endpoint, "app")
        check(storage, package, f"{other.endpoint}/app/pkg/app.tar.gz")
        assert other.puts == 2
    assert cache.puts == 0


def test_a_cache_needs_the_application(cache: CacheServer, package: Path) -> None:
    storage = CacheStorage(cache.endpoint)
    storage.delete("app.tar.gz")
    for call in (storage.upload, lambda file, name: storage.download(name, file)):
        with pytest.raises(FlameError, match="app_name is required"):
            call(str(package), "app.tar.gz")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("ftp://host/x", "Unsupported storage scheme 'ftp'"),
        ("/no/scheme", "Unsupported storage scheme ''"),
        ("file:///does/not/exist", "Storage directory does not exist: /does/not/exist"),
        ("file://relative/x", "expected file:///absolute/folder"),
        ("grpc://", "expected grpc://host:port"),
    ],
)
def test_other_places_are_refused(url: str, text: str) -> None:
    with pytest.raises(FlameError, match=text) as caught:
        create_storage_backend(url)
    assert caught.value.code is FlameErrorCode.INVALID_CONFIG
