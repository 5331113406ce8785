"""The functions of the API; they share one connection, made on first use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from flamepy._calls.object_session import ObjectSession
from flamepy._calls.requests import RunnerContext
from flamepy._client.config import FlameClientTls
from flamepy._client.connection import Connection
from flamepy._client.shared import ConnectionInstance
from flamepy._logs.lines import Logs
from flamepy._model.types import (
    Application,
    ApplicationAttributes,
    ResourceRequirement,
    SessionAttributes,
)
from flamepy._names.public import public
from flamepy._sessions.session import Session
from flamepy.proto import types_pb2

_MODULE = "flamepy.core.client"


@public(_MODULE)
def connect(addr: str, tls_config: FlameClientTls | None = None) -> Connection:
    """Connect to a session manager.

    Args:
        addr: ``http://host:port`` or ``https://host:port``; the default port is 8080.
        tls_config: trust roots for https; None for the system's.

    Raises:
        FlameError: INVALID_CONFIG, when nothing answers within 10 seconds.
    """
    return Connection.connect(addr, tls_config)


@overload
def create_session(  # type: ignore[overload-overlap]
    application: str,
    common_data: RunnerContext | bytes | None = None,
    session_id: str | None = None,
    min_instances: int = 0,
    max_instances: int | None = None,
    batch_size: int = 1,
    resreq: ResourceRequirement | None = None,
    priority: int = 0,
    keep: bool = False,
    packages: Sequence[str] | None = None,
    logs: Logs = None,
) -> Session: ...


@overload
def create_session(
    application: str,
    common_data: object,
    session_id: str | None = None,
    min_instances: int = 0,
    max_instances: int | None = None,
    batch_size: int = 1,
    resreq: ResourceRequirement | None = None,
    priority: int = 0,
    keep: bool = False,
    packages: Sequence[str] | None = None,
    logs: Logs = None,
) -> ObjectSession: ...


@public(_MODULE)
def create_session(
    application: str,
    common_data: Any = None,
    session_id: str | None = None,
    min_instances: int = 0,
    max_instances: int | None = None,
    batch_size: int = 1,
    resreq: ResourceRequirement | None = None,
    priority: int = 0,
    keep: bool = False,
    packages: Sequence[str] | None = None,
    logs: Logs = None,
) -> Session:
    """Create a session.

    Args:
        application: name of a registered application, such as ``flmrun``.
        common_data: for flmrun and applications like it a function, a class or an object, which
            makes an :class:`ObjectSession` that gives values, or a ``RunnerContext``, whose
            requests give references (``submit`` and ``map`` values); for others bytes.
        session_id: id of the session; None makes ``<application>-<6 letters or digits>``.
        min_instances: instances kept even when no task waits.
        max_instances: most instances at a time, at least 1; None for no limit. An object that
            keeps its state has one at most.
        batch_size: kept for the published API.
        resreq: what one instance needs; None for the cluster's default.
        priority: higher goes first.
        keep: the session stays until it is closed. Otherwise one without a ``session_id`` ends with
            this client: when that is gone for ten minutes and no task is open, or no task came for
            a day, the session manager closes it.
        packages: what its tasks import beside what is there: requirements (``numpy>=2``), paths of
            projects (``./my-project``, ``.``), wheels and requirements files, and urls. Projects
            and wheels are uploaded; of a project the files that git tracks. Each node makes one
            environment of them with uv, from its own wheels, its index or its cache.
        logs: what tasks print. True prints it here, each line with its executor and task; a
            function gets each line as a :class:`LogLine`, in a thread of its own; False asks nobody
            for it. None is True in terminals and notebooks, else False. More than a client reads in
            time is left out, which is told: no task waits for it.

    Raises:
        TypeError: something of the object cannot be pickled; the text names it.
        FlameError: NOT_FOUND for an unknown application, ALREADY_EXISTS for a used id,
            INVALID_STATE when ``logs`` are asked for and this session manager has none.
    """
    return ConnectionInstance.instance().create_session(
        SessionAttributes(
            application=application,
            id=session_id,
            common_data=common_data,
            min_instances=min_instances,
            max_instances=max_instances,
            batch_size=batch_size,
            resreq=resreq,
            priority=priority,
            keep=keep,
            packages=packages,
        ),
        logs,
    )


@public(_MODULE)
def open_session(
    session_id: str, spec: SessionAttributes | None = None, logs: Logs = None
) -> Session:
    """Open a session that exists, or, when ``spec`` is given, create it if it does not.

    ``logs`` is as for :func:`create_session`: what its tasks print from now on.

    Raises:
        FlameError: NOT_FOUND without ``spec`` and session; INVALID_ARGUMENT when the session is
            closed, or was created with other attributes.
    """
    return ConnectionInstance.instance().open_session(session_id, spec, logs)


@public(_MODULE)
def get_session(session_id: str) -> Session:
    """Return a session, open or closed.

    Raises:
        FlameError: NOT_FOUND.
    """
    return ConnectionInstance.instance().get_session(session_id)


@public(_MODULE)
def close_session(session_id: str) -> Session:
    """Close a session: its pending tasks are cancelled; refused while tasks run."""
    return ConnectionInstance.instance().close_session(session_id)


@public(_MODULE)
def list_sessions() -> list[Session]:
    """Return all sessions."""
    return ConnectionInstance.instance().list_sessions()


@public(_MODULE)
def register_application(name: str, app_attrs: ApplicationAttributes | dict[str, Any]) -> None:
    """Register an application.

    Raises:
        FlameError: ALREADY_EXISTS, or the server refused the attributes.
    """
    ConnectionInstance.instance().register_application(name, app_attrs)


@public(_MODULE)
def unregister_application(name: str) -> None:
    """Remove an application; refused while it has open sessions."""
    ConnectionInstance.instance().unregister_application(name)


@public(_MODULE)
def get_application(name: str) -> Application | None:
    """Return an application, or None when there is none of that name."""
    return ConnectionInstance.instance().get_application(name)


@public(_MODULE)
def list_applications() -> list[Application]:
    """Return all applications."""
    return ConnectionInstance.instance().list_applications()


@public(_MODULE)
def list_executors() -> list[types_pb2.Executor]:
    """Return all executors, as wire messages."""
    return ConnectionInstance.instance().list_executors()


@public(_MODULE)
def list_nodes() -> list[types_pb2.Node]:
    """Return all nodes, as wire messages."""
    return ConnectionInstance.instance().list_nodes()
