"""What sessions are created with, as the services of the cluster read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flamepy._calls.object_calls import Callables
from flamepy._calls.requests import RunnerContext, RunnerServiceKind, encode_context, referred
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.instances import check_instances
from flamepy._model.types import SessionAttributes
from flamepy._objects.objects import ObjectRef, discard_object
from flamepy._values.envelope import is_envelope


@dataclass(frozen=True)
class CommonData:
    """The common data of a session to be made.

    Attributes:
        attrs: the session's attributes, as they follow from the data.
        data: the bytes, as they are sent.
        callables: what may be called of the object that was given as such; None for other data.
    """

    attrs: SessionAttributes
    data: bytes | None
    callables: Callables | None = None

    @classmethod
    def of(
        cls, attrs: SessionAttributes, session_id: str, reads_frames: Callable[[], bool]
    ) -> CommonData:
        """Encode what a session is created with.

        Args:
            attrs: the session's attributes, as the caller gave them.
            session_id: the session's id.
            reads_frames: whether services read our frames; only asked for Python objects.

        Raises:
            FlameError: the bounds of its instances cannot be, the object cannot be used so, or the
                object cache does not take it.
        """
        check_instances(attrs)
        given = attrs.common_data
        if given is None or isinstance(given, bytes):
            return cls(attrs, given)
        callables = None if isinstance(given, RunnerContext) else Callables.of(given)
        context = given if isinstance(given, RunnerContext) else RunnerContext(given)
        if context.kind is RunnerServiceKind.Stateful:
            attrs = _single_instance(attrs)
        prefix = f"{attrs.application}/{session_id}"
        if reads_frames():
            header = {} if callables is None else callables.header()
            return cls(attrs, encode_context(context, prefix, header), callables)
        from flamepy._calls.published_frame import encode_published_context  # Few need it.

        instantiate = callables is not None and callables.instantiate
        return cls(attrs, encode_published_context(context, prefix, instantiate), callables)

    def forget_object(self) -> None:
        """Delete what was put for a session that then did not come to use it."""
        if self.data is None or self.attrs.common_data is self.data:
            return
        ref = referred(self.data) if is_envelope(self.data) else ObjectRef.decode(self.data)
        if ref is not None:
            discard_object(ref)


def _single_instance(attrs: SessionAttributes) -> SessionAttributes:
    if attrs.max_instances not in (None, 1) or attrs.min_instances > 1:
        raise FlameError(
            FlameErrorCode.INVALID_ARGUMENT,
            "a stateful session has one instance at most, got "
            f"min_instances={attrs.min_instances}, max_instances={attrs.max_instances}; "
            "leave them out, or use kind=RunnerServiceKind.Stateless",
        )
    return SessionAttributes(**{**attrs.__dict__, "max_instances": 1})
