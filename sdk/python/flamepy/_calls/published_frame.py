"""What services of the published flamepy read: for clusters whose services are of another make.

Common data is a reference to a pickled ``RunnerContext`` of ``flamepy.runner.types``, an input is a
pickled ``RunnerRequest`` of that module, and an output a reference (docs/flmrun.md, section 8).
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from flamepy._calls.requests import (
    INLINE_BYTES_MAX,
    RunnerContext,
    RunnerRequest,
    RunnerServiceKind,
    Upload,
    uploaded,
)
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._objects.objects import ObjectRef, put_object
from flamepy._values import codec
from flamepy.runner import types


def encode_published_context(context: RunnerContext, prefix: str, instantiate: bool) -> bytes:
    """Return the common data of a session with ``context``.

    Args:
        prefix: ``<application>/<session>``, where the context is put.
        instantiate: an execution object that is a class is to be instantiated by the services.

    Raises:
        FlameError: INVALID_ARGUMENT for what those services would do another thing with.
    """
    _refuse_other_meaning(context, instantiate)
    published = types.RunnerContext(context.execution_object)
    # These services unpickle what they get from the cache once more.
    return put_object(prefix, codec.pickle_of(published, "the context of the session")).encode()


def encode_published_request(request: RunnerRequest, prefix: str) -> bytes:
    """Return the input of a task with ``request``."""
    request.validate()
    args = request.args if request.input_object is None else (request.input_object,)
    return encode_published_call(request.method, args or (), request.kwargs or {}, prefix)


def encode_published_call(
    method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], prefix: str
) -> bytes:
    """Return the input of a task that calls a method, or the object itself."""
    return uploaded(published_call_or_upload(method, args, kwargs, prefix))


def published_call_or_upload(
    method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], prefix: str
) -> bytes | Upload:
    """Return the same, but put nothing yet: of large arguments return what does."""
    sent = tuple(map(_reference, args))
    named = {name: _reference(value) for name, value in kwargs.items()}
    data = _encode(method, sent, named)
    if len(data) <= INLINE_BYTES_MAX:
        return data
    return partial(_encode_referring, method, sent, named, prefix)


def _encode_referring(
    method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any], prefix: str
) -> bytes:
    # References arrive as their values, and tasks stay small.
    return _encode(
        method,
        tuple(_put_if_large(prefix, value) for value in args),
        {name: _put_if_large(prefix, value) for name, value in kwargs.items()},
    )


def _put_if_large(prefix: str, value: Any) -> Any:
    """Return a reference to a large value, and a small one as it is."""
    size = len(codec.pickled(value, "an argument of the call"))
    return value if size <= INLINE_BYTES_MAX else put_object(prefix, value)


def _encode(method: str | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    return codec.pickle_of(types.RunnerRequest(method, args or None, kwargs or None), "the call")


def _reference(value: Any) -> Any:
    """Results of calls are of a class that only our services know."""
    if isinstance(value, ObjectRef):
        return ObjectRef(value.endpoint, value.key, value.version)
    return value


def _refuse_other_meaning(context: RunnerContext, instantiate: bool) -> None:
    thing = context.execution_object
    what = f"a {type(thing).__name__}"
    if inspect.isclass(thing) and not instantiate:
        raise _refusal(
            "make an instance of a class and call that; got a RunnerContext of the class "
            f"{thing.__qualname__}. Pass the class itself, or an object of it"
        )
    if context.kind is RunnerServiceKind.Stateful and callable(thing):
        raise _refusal(
            f"keep no changes of what can be called itself; got {what} with the kind Stateful. "
            "Pass RunnerContext(..., kind=RunnerServiceKind.Stateless), or an object with methods"
        )
    if context.kind is RunnerServiceKind.Stateless and not callable(thing):
        raise _refusal(
            f"keep what calls change of {what}; got the kind Stateless. "
            "Leave the kind out, or pass a function"
        )


def _refusal(text: str) -> FlameError:
    return FlameError(
        FlameErrorCode.INVALID_ARGUMENT,
        f"the services of this cluster are of another make: they {text}",
    )
