"""An object that is called remotely."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

from flamepy._calls.published_frame import encode_published_call
from flamepy._client.functions import open_session
from flamepy._model.types import ResourceRequirement, SessionAttributes
from flamepy._names.public import public
from flamepy._names.short import short_name
from flamepy._objects.objects import discard_object, put_object
from flamepy._values import codec
from flamepy.runner._object_future import ObjectFuture
from flamepy.runner.types import RunnerContext, SessionContext

_log = logging.getLogger("flamepy.runner")


@public("flamepy.runner.runner")
class RunnerService:
    """A session whose tasks call one object; made by ``Runner.service``.

    The service of a function is called as the function is. That of a class or an object has its
    public methods. Each call returns an :class:`ObjectFuture` at once; arguments that are such
    futures are waited for and arrive as their values.

    Args:
        app: a registered application whose service is ``flamepy.runner.runpy``.
        execution_object: a function, a class (instantiated once on each instance) or an object
            (kept in the object cache, with one instance).
        autoscale: whether instances come and go with the demand; None for what the object allows.
        warmup: instances that are kept without demand, 0 or more.
        resreq: what one instance needs; None for the cluster's default.

    Raises:
        ValueError: the object cannot have what was asked for.
        TypeError: the object cannot be pickled; the text names the part of it.
        FlameError: the session cannot be opened, or the object cache does not answer.
    """

    def __init__(
        self,
        app: str,
        execution_object: Any,
        autoscale: bool | None = None,
        warmup: int = 0,
        resreq: ResourceRequirement | None = None,
    ) -> None:
        self._app = app
        self._execution_object = execution_object
        self._closed = False
        wished = _wished_id(execution_object)
        #: Whether the session may be somebody else's: its id was chosen.
        self._shared = wished is not None
        session_id = wished or short_name(app)
        context = RunnerContext(execution_object, autoscale=autoscale, warmup=warmup)
        self._prefix = f"{app}/{session_id}"
        # The published service unpickles what it gets from the cache once more.
        ref = put_object(
            self._prefix, codec.pickle_of(context, "the execution object of the service")
        )
        try:
            self._session = open_session(
                session_id,
                SessionAttributes(
                    application=app,
                    id=session_id,
                    common_data=ref.encode(),
                    min_instances=context.min_instances,
                    max_instances=context.max_instances,
                    resreq=resreq,
                ),
            )
        except BaseException:
            discard_object(ref)
            raise
        if self._session.common_data() != ref.encode():
            discard_object(ref)  # It was open already, with an object of its own.
        self._add_methods()

    def __repr__(self) -> str:
        return f"RunnerService(app={self._app!r}, session={self._session.id!r})"

    def __call__(self, *args: Any, **kwargs: Any) -> ObjectFuture:
        """Call the function.

        Raises:
            TypeError: the object is a class, or has methods and cannot be called itself.
        """
        if not _is_function(self._execution_object):
            raise TypeError(
                f"RunnerService for app {self._app!r} is not callable: its object is a class or "
                f"instance, not a function. Call one of its methods: {self._methods()}"
            )
        return self._submit(None, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        # Only for what is not there: an AttributeError that says what is.
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(
            f"this RunnerService has no method {name!r}; it has: {self._methods()}"
        )

    def close(self) -> None:
        """Close the session: pending calls are cancelled, and running ones waited for."""
        if not self._closed:
            self._session.close()
            self._closed = True

    def _add_methods(self) -> None:
        if _is_function(self._execution_object):
            return
        for name in _public_methods(self._execution_object):
            if hasattr(type(self), name):
                _log.warning(
                    "method %r of the execution object cannot be called remotely: RunnerService "
                    "has one of that name itself",
                    name,
                )
            else:
                setattr(self, name, self._method(name))

    def _methods(self) -> str:
        if _is_function(self._execution_object):
            return "none; call the service itself"
        return ", ".join(_public_methods(self._execution_object)) or "none"

    def _method(self, name: str) -> Callable[..., ObjectFuture]:
        def call(*args: Any, **kwargs: Any) -> ObjectFuture:
            return self._submit(name, args, kwargs)

        call.__name__ = name
        call.__doc__ = getattr(getattr(self._execution_object, name, None), "__doc__", None)
        return call

    def _submit(
        self, method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> ObjectFuture:
        sent_args = tuple(_reference(value) for value in args)
        sent_kwargs = {name: _reference(value) for name, value in kwargs.items()}
        data = encode_published_call(method, sent_args, sent_kwargs, self._prefix)
        return ObjectFuture(self._session.run(data))


def _reference(value: Any) -> Any:
    return value.ref() if isinstance(value, ObjectFuture) else value


def _is_function(thing: Any) -> bool:
    return callable(thing) and not inspect.isclass(thing)


def _public_methods(thing: Any) -> Iterator[str]:
    for name in dir(thing):
        if name.startswith("_"):
            continue
        try:
            found = getattr(thing, name)
        except Exception:  # A property of the user's that does not work here.
            continue
        if callable(found):
            yield name


def _wished_id(thing: Any) -> str | None:
    wish = getattr(thing, "_session_context", None)
    if wish is None:
        return None
    if not isinstance(wish, SessionContext):
        _log.warning(
            "_session_context of the execution object is a %s and is ignored: expected a "
            "flamepy.runner.SessionContext",
            type(wish).__name__,
        )
        return None
    if wish.application_name:
        _log.debug("the session is for %s", wish.application_name)
    return wish.session_id
