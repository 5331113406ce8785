"""A service made of one function."""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable
from typing import Any

import cloudpickle

from flamepy._calls.awaiting import finished
from flamepy._model.types import TaskOutput
from flamepy._objects.objects import ObjectRef, get_object, update_object
from flamepy._services.service import (
    FLAME_INSTANCE_ENDPOINT,
    FlameService,
    SessionContext,
    TaskContext,
)
from flamepy._services.service import run as run_service
from flamepy._values import codec
from flamepy.service._debug import debug_service, entrypoint_local_api, run_debug_service

__all__ = [
    "FLAME_INSTANCE_ENDPOINT",
    "FlameInstance",
    "FlameService",
    "ObjectRef",
    "SessionContext",
    "TaskContext",
    "TaskOutput",
    "debug_service",
    "entrypoint_local_api",
    "get_object",
    "run_debug_service",
    "run_service",
    "update_object",
]

_log = logging.getLogger("flamepy.service")


class FlameInstance(FlameService):
    """A service of one function::

        instance = FlameInstance()

        @instance.entrypoint
        def answer(question):
            return question.upper()

        instance.run()

    Clients call it with :class:`flamepy.service.Session`.
    """

    def __init__(self) -> None:
        self._entrypoint: Callable[..., Any] | None = None
        self._parameter: inspect.Parameter | None = None
        self._object_ref: ObjectRef | None = None

    def entrypoint[F: Callable[..., Any]](self, func: F) -> F:
        """Have tasks call ``func``, which may be a coroutine function; it is returned unchanged.

        Its parameter, if it has one, gets the request.

        Raises:
            AssertionError: it has more than one parameter, or one that takes no positional value.
        """
        parameters = list(inspect.signature(func).parameters.values())
        # As flamepy 0.6.0 does, but with python -O as well.
        if len(parameters) > 1:
            raise AssertionError(
                f"Entrypoint must have exactly zero or one parameter, {func.__name__} has "
                f"{', '.join(each.name for each in parameters)}"
            )
        if parameters and parameters[0].kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise AssertionError(
                f"Parameter must be positional or keyword: {parameters[0]} of {func.__name__}"
            )
        self._entrypoint = func
        self._parameter = parameters[0] if parameters else None
        return func

    def context(self) -> Any:
        """Return what the session's client gave, as it is now; None when it gave nothing."""
        if self._object_ref is None:
            return None
        return _loaded(get_object(self._object_ref))

    def update_context(self, data: Any) -> None:
        """Replace what ``context`` gives, here, in other instances and for the client.

        In a session whose client gave nothing this does nothing.
        """
        if self._object_ref is None:
            return
        pickled = cloudpickle.dumps(data, protocol=cloudpickle.DEFAULT_PROTOCOL)
        self._object_ref = update_object(self._object_ref, pickled)

    def on_session_enter(self, context: SessionContext) -> None:
        """Note where the session's context is."""
        data = context.common_data()
        self._object_ref = None if data is None else ObjectRef.decode(data)

    def on_task_invoke(self, context: TaskContext) -> bytes | None:
        """Call the function; None, of it or without one, leaves the task without an output."""
        if self._entrypoint is None:
            _log.warning("no function is marked with @entrypoint: task %s", context.task_id)
            return None
        if self._parameter is None:
            answer = finished(self._entrypoint())
        else:
            request = None if context.input is None else _loaded(context.input)
            answer = finished(self._entrypoint(request))
        if answer is None:
            return None
        return TaskOutput(cloudpickle.dumps(answer, protocol=cloudpickle.DEFAULT_PROTOCOL))

    def on_session_leave(self) -> None:
        """Forget the session."""
        self._object_ref = None

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT.

        Started by hand, and not by an executor manager, it answers POST requests with pickles on
        http://127.0.0.1:5050 for trying it out.
        """
        if os.environ.get(FLAME_INSTANCE_ENDPOINT) is not None:
            run_service(self)
        else:
            run_debug_service(self)


def _loaded(data: bytes) -> Any:
    try:
        return cloudpickle.loads(data)
    except ModuleNotFoundError:
        return codec.load(data, "what the client sent")  # Which knows more ways, or says more.
