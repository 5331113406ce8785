"""A service tried out by hand, over HTTP."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from flamepy._names.public import public
from flamepy._results.result import describe
from flamepy._services.service import TaskContext

if TYPE_CHECKING:
    from flamepy.service.instance import FlameInstance

#: This machine alone: what is posted is unpickled, which may run anything.
_HOST = "127.0.0.1"
_HOST_NAMES = (_HOST, "localhost")
_PORT = 5050
_BODY_BYTES_MAX = 64 * 1024 * 1024
_log = logging.getLogger("flamepy.service")

#: The server that runs, of type http.server.HTTPServer; None when none does.
debug_service: Any = None


@public("flamepy.service.instance")
def run_debug_service(instance: FlameInstance, port: int = _PORT) -> None:
    """Answer ``POST /<name of the entrypoint>`` until SIGINT or ``debug_service.shutdown()``.

    The body is the pickled request, the answer the pickled answer of the function, or nothing with
    status 204 when it is None. An error of the function is a text with status 500. Pages of
    browsers are refused.

    Args:
        instance: what is called.
        port: of 127.0.0.1; 0 for a free one.
    """
    # Not at the top: services that an executor manager starts never need it.
    from http.server import BaseHTTPRequestHandler, HTTPServer

    global debug_service
    entrypoint = instance._entrypoint
    path = f"/{entrypoint.__name__}" if entrypoint is not None else None

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            url = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            if not self._is_program():
                self._answer(403, b"expected a program of this machine, not a page of a browser\n")
            elif url.path != path:
                self._answer(404, f"expected POST {path}, got {url.path}\n".encode())
            elif size > _BODY_BYTES_MAX:
                self._answer(
                    413, f"the request has {size} bytes, at most {_BODY_BYTES_MAX}\n".encode()
                )
            else:
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                self._answer(*_called(instance, self.rfile.read(size), query))

        def _is_program(self) -> bool:
            """Whether no page of a browser asks: one of anybody's could post here, too."""
            host = (self.headers.get("Host") or _HOST).partition(":")[0]
            return "Origin" not in self.headers and host in _HOST_NAMES

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            _log.info(format, *args)

    with HTTPServer((_HOST, port), Handler) as server:
        debug_service = server
        _log.info("debug service on http://%s:%d%s", _HOST, server.server_port, path or "")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
        finally:
            debug_service = None


@public("flamepy.service.instance")
def entrypoint_local_api(
    instance: FlameInstance, body: bytes, task_id: str = "0", session_id: str = "0"
) -> bytes | None:
    """Call the function of an instance with a pickled request, as a task would."""
    return instance.on_task_invoke(TaskContext(task_id, session_id, body or None))


def _called(instance: FlameInstance, body: bytes, query: dict[str, str]) -> tuple[int, bytes]:
    task_id, session_id = query.get("task_id", "0"), query.get("session_id", "0")
    try:
        answer = entrypoint_local_api(instance, body, task_id, session_id)
    except Exception as error:  # What the user's function raises must not end the service.
        _log.exception("task %s failed", task_id)
        return 500, f"{describe(error)}\n".encode()
    return (204, b"") if answer is None else (200, answer)
