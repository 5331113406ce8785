"""Calling a service that was made with ``FlameInstance``."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from flamepy._client.functions import create_session, open_session
from flamepy._model.types import ResourceRequirement
from flamepy._names.short import short_name
from flamepy._objects.objects import ObjectRef, discard_object, get_object, put_object
from flamepy._sessions.session import Session as CoreSession
from flamepy._values import codec

__all__ = [
    "CoreSession",
    "ObjectRef",
    "ResourceRequirement",
    "Session",
    "create_session",
    "get_object",
    "open_session",
    "put_object",
    "short_name",
]

_RESOURCES = ("cpu", "memory", "mem", "gpu")


class Session:
    """A session of a service, which takes and gives Python objects.

    Requests and answers travel as pickles. As a context manager it is closed at the end.

    Args:
        name: the application; a session of it is created.
        ctx: what all instances share, None for nothing; only for a session that is created.
        session_id: a session that exists; it is opened. Either this or ``name``.
        resreq: what one instance needs, also as a dict such as ``{"cpu": 1, "memory": "2g"}``;
            None for the cluster's default.

    Raises:
        ValueError: not exactly one of ``name`` and ``session_id`` is given, or ``resreq`` has an
            unknown key.
        TypeError: ``ctx`` cannot be pickled; the text names the part of it.
        FlameError: the session cannot be created or opened.
    """

    def __init__(
        self,
        name: str | None = None,
        ctx: Any = None,
        session_id: str | None = None,
        resreq: ResourceRequirement | dict[str, Any] | None = None,
    ) -> None:
        if name is None and session_id is None:
            raise ValueError("Either 'name' or 'session_id' must be provided")
        if name is not None and session_id is not None:
            raise ValueError("Cannot provide both 'name' and 'session_id': pass one of them")
        need = _requirement(resreq) if isinstance(resreq, dict) else resreq
        self._session: CoreSession | None
        if session_id is not None:
            self._session = open_session(session_id)
            self._name = self._session.application
        else:
            assert name is not None
            self._session = _created(name, ctx, need)
            self._name = name

    def __repr__(self) -> str:
        return f"Session(name={self._name!r}, id={self.id()!r})"

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def invoke(self, req: Any) -> Any:
        """Call the service and return its answer, None when it gave none.

        Raises:
            RuntimeError: the session is closed.
            RemoteTaskError: the service raised an error; that is its cause.
            FlameError: the task could not be created or watched.
        """
        if self._session is None:
            raise RuntimeError("the service session is not initialized: it was closed")
        output = self._session.invoke(codec.pickle_of(req, "the request"))
        return None if output is None else codec.load(output, "the answer of the service")

    def context(self) -> Any:
        """Return what instances share, as it is now; None when there is nothing, or when closed."""
        data = None if self._session is None else self._session.common_data()
        if data is None:
            return None
        return codec.load(get_object(ObjectRef.decode(data)), "the context of the session")

    def id(self) -> str | None:
        """Return the id of the session; None when it is closed."""
        return None if self._session is None else self._session.id

    def close(self) -> None:
        """Close the session; a second time does nothing."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


def _created(name: str, ctx: Any, resreq: ResourceRequirement | None) -> CoreSession:
    if ctx is None:
        return create_session(application=name, common_data=None, session_id=None, resreq=resreq)
    session_id = short_name(name)
    ref = put_object(f"{name}/{session_id}", codec.pickle_of(ctx, "the context of the session"))
    try:
        return create_session(
            application=name, common_data=ref.encode(), session_id=session_id, resreq=resreq
        )
    except BaseException:
        discard_object(ref)
        raise


def _requirement(given: dict[str, Any]) -> ResourceRequirement:
    unknown = sorted(set(given) - set(_RESOURCES))
    if unknown:
        raise ValueError(f"resreq: unknown {unknown}; expected some of {list(_RESOURCES)}")
    memory = given.get("memory") or given.get("mem") or 0
    if isinstance(memory, str):
        memory = ResourceRequirement._parse_memory(memory)
    return ResourceRequirement(given.get("cpu", 0), memory, given.get("gpu", 0))
