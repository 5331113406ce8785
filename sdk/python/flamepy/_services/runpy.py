"""The common Python service: runs the execution object of a session.

docs/flmrun.md describes what it understands. Two kinds of clients are told apart by what they
send. Ours frames common data and requests (see ``_values.envelope``); the published Runner sends an
object reference and plain pickles, and gets plain object references back.
"""

from __future__ import annotations

import inspect
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from flamepy._calls.called import called
from flamepy._calls.object_calls import Callables, Calls, is_calls
from flamepy._calls.requests import RunnerRequest, encode_state
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._names.public import public
from flamepy._objects.flight_errors import VersionConflict
from flamepy._objects.objects import ObjectRef, get_cell, put_object, update_cell
from flamepy._process.forks import ForkedChildrenEnd
from flamepy._results.result import encode_result
from flamepy._services.app_site import APP_SITE, AppSite
from flamepy._services.execution_objects import (
    Context,
    State,
    fetched,
    fetched_with_version,
    instantiated,
    load_context,
    load_published,
    load_state,
    once,
    pickle_of,
)
from flamepy._services.service import FlameService, SessionContext, TaskContext, run
from flamepy._values import codec
from flamepy._values.cell import Buffer
from flamepy._values.envelope import check_python, is_envelope, unseal
from flamepy._values.plain import call_frame, request_frame
from flamepy._values.process_pickles import send_what_main_defined
from flamepy.runner import types as published

_LOG_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
_log = logging.getLogger("flamepy.runpy")

Request = RunnerRequest | published.RunnerRequest | Calls


class RunnerSessionContext(SessionContext):
    """The session of an instance of flmrun; its common data is the decoded context."""

    def __init__(self, raw: SessionContext) -> None:
        super().__init__(raw._common_data, raw.session_id, raw.application, raw._listed)
        self._load: Callable[[], Context] | None = None

    def load_with(self, load: Callable[[], Context]) -> None:
        """Say what gives the context."""
        self._load = load

    def common_data(self) -> Any:
        """Return the context of the session.

        Raises:
            Exception: whatever kept it from being loaded.
        """
        return None if self._load is None else self._load()


@public("flamepy.runpy")
class FlameRunpyService(FlameService):
    """Calls the execution object of a session with the requests of its tasks."""

    def __init__(self) -> None:
        self._ssn_ctx: RunnerSessionContext | None = None
        self._site = AppSite([])
        self._stateful = False
        self._state_ref: ObjectRef | None = None
        self._state: State | None = None
        self._framed = True

    def on_session_enter(self, context: SessionContext) -> bool:
        """Make the application's package importable and load the context of the session.

        What cannot be loaded (another Python version, a missing module) fails each task with its
        reason, so that whoever waits for a task hears of it; only what may pass by itself, such as
        an object cache that does not answer, keeps the session from being entered.
        """
        self._enter_package(context)
        self._ssn_ctx = RunnerSessionContext(context)
        if context._listed.failure is not None:
            self._stateful = False
            self._ssn_ctx.load_with(context._listed.refuse)
            return True
        data = context.common_data()
        if not data:
            raise FlameError(
                FlameErrorCode.INVALID_ARGUMENT,
                f"session {context.session_id} has no common data: sessions of "
                f"{context.application.name} are created with a RunnerContext, as in "
                f'flamepy.create_session("{context.application.name}", RunnerContext(...))',
            )
        self._framed = is_envelope(data)
        if self._framed:
            self._enter_framed(self._ssn_ctx, data)
        else:
            self._enter_published(self._ssn_ctx, data)
        return True

    def on_task_invoke(self, context: TaskContext) -> bytes:
        """Run one request and return its result."""
        session = self._ssn_ctx
        if session is None:
            raise FlameError(FlameErrorCode.INVALID_STATE, "no session was entered")
        if self._stateful:
            state = self._current_state()
            if state.task_id == context.task_id:
                # It ran to its end before, and only the answer got lost.
                return state.output
        runner = session.common_data()
        request = self._request(context)
        prefix = f"{session.application.name}/{session.session_id}"
        try:
            value = _call(runner.execution_object, request)
            framed = context.input is not None and is_envelope(context.input)
            output = encode_result(value, prefix) if framed else _bare_result(value, prefix)
        except BaseException:
            self._state = None  # What the failed call changed is not kept.
            raise
        return self._write_back(context, output) if self._stateful else output

    def on_session_leave(self) -> bool:
        """Forget the session, and take its package off again."""
        self._ssn_ctx = None
        self._state = None
        self._site.leave()
        self._site = AppSite([])
        return True

    def _enter_package(self, context: SessionContext) -> None:
        self._site = AppSite.from_environment()
        if context.application.url and not self._site.folders:
            _log.warning(
                "application %s has the package %s, but the executor manager did not say where it "
                "installed it (%s is not set)",
                context.application.name,
                context.application.url,
                APP_SITE,
            )
        self._site.enter(context._listed.folders)

    def _enter_framed(self, session: RunnerSessionContext, data: bytes) -> None:
        envelope = unseal(data)
        what = f"session {session.session_id}"
        body = bytes(envelope.body)
        kind = envelope.text("body")
        self._stateful = kind == "state"
        if kind == "state":
            self._state_ref = ref = ObjectRef.decode(body)
            session.load_with(lambda: self._current_state().context)
            version, cell = fetched_with_version(ref)
            with suppress(Exception):  # Each task will say why it cannot be loaded.
                self._state = load_state(ref, version, cell)
        elif kind in ("inline", "ref"):
            cell = fetched(ObjectRef.decode(body)) if kind == "ref" else body
            load = partial(load_context, cell, envelope.python, what)
            calls = Callables.told_by(envelope)
            is_class = calls is not None and calls.instantiate
            session.load_with(once(partial(instantiated, load) if is_class else load))
        else:
            raise FlameError(
                FlameErrorCode.INVALID_ARGUMENT, f"common data of {what} has the body {kind!r}"
            )

    def _enter_published(self, session: RunnerSessionContext, data: bytes) -> None:
        ref = ObjectRef.decode(data)
        self._stateful = False
        context = load_published(ref)
        if inspect.isclass(context.execution_object):
            context.execution_object = context.execution_object()
        if context.stateful:
            self._stateful = True
            self._state_ref = ref
            session.load_with(lambda: self._current_state().context)
        else:
            session.load_with(lambda: context)

    def _current_state(self) -> State:
        """Return the state, loaded anew only when the cache has another version."""
        assert self._state_ref is not None
        ref, held = self._state_ref, self._state
        found = get_cell(ref, held.version if held else 0)
        if found is None:
            assert held is not None
            return held
        self._state = load_state(ref, *found)
        return self._state

    def _request(self, context: TaskContext) -> Request:
        data: Buffer = context.input or b""
        framed_call = False
        usual, usual_call = request_frame(), call_frame()
        # Nearly all have one of these two frames: there is nothing to find out.
        if data[: len(usual)] == usual:
            data = memoryview(data)[len(usual) :]
        elif data[: len(usual_call)] == usual_call:
            data = memoryview(data)[len(usual_call) :]
            framed_call = True
        elif is_envelope(data):
            envelope = unseal(data)
            framed_call = is_calls(envelope)
            check_python(envelope.python, f"the request of task {context.task_id}")
            body = bytes(envelope.body)
            data = fetched(ObjectRef.decode(body)) if envelope.text("body") == "ref" else body
        if not data:
            raise FlameError(
                FlameErrorCode.INVALID_ARGUMENT,
                f"task {context.task_id} has no input: expected a RunnerRequest",
            )
        request = codec.load(data, f"the request of task {context.task_id}")
        if framed_call:
            return Calls.loaded(request)
        if not isinstance(request, RunnerRequest | published.RunnerRequest):
            raise FlameError(
                FlameErrorCode.INVALID_ARGUMENT,
                f"input of task {context.task_id} is a {type(request).__name__}: "
                "expected a RunnerRequest",
            )
        request.validate()
        return request

    def _write_back(self, context: TaskContext, output: bytes) -> bytes:
        """Keep what the call changed, with its output; refused when somebody else wrote before."""
        state = self._state
        assert state is not None
        if not self._framed:
            cell: Buffer = codec.pickled(bytes(pickle_of(state.context)))
        else:
            cell = encode_state(pickle_of(state.context), context.task_id, output)
        self._state = None
        try:
            ref = update_cell(state.ref, cell, state.version)
        except VersionConflict as error:
            found = self._current_state()
            if found.task_id == context.task_id:
                return found.output  # An earlier run of this very task came through after all.
            raise FlameError(
                FlameErrorCode.INVALID_STATE,
                f"the state of session {context.session_id} was changed by task {found.task_id} "
                f"while task {context.task_id} ran, so this executor has lost the session; "
                f"nothing of task {context.task_id} was kept ({error.message})",
            ) from error
        self._state = State(state.ref, ref.version, context.task_id, output, state.context)
        return output


def _call(thing: Any, request: Request) -> Any:
    target = thing if request.method is None else _method(thing, request.method)
    if not callable(target):
        name = f"method {request.method!r}" if request.method else "the execution object"
        raise TypeError(f"{name} is a {type(target).__name__} and cannot be called")
    with ForkedChildrenEnd():  # Before a child of the call can send anything.
        if isinstance(request, Calls):
            return request.on(target)
        return called(target, *_arguments(request))


def _arguments(
    request: RunnerRequest | published.RunnerRequest,
) -> tuple[list[Any], dict[str, Any]]:
    input_object = getattr(request, "input_object", None)
    args = list((input_object,) if input_object is not None else request.args or ())
    kwargs = dict(request.kwargs or {})
    if isinstance(request, published.RunnerRequest):
        args = [_read_reference(value) for value in args]
        kwargs = {name: _read_reference(value) for name, value in kwargs.items()}
    return args, kwargs


def _method(thing: Any, name: str) -> Any:
    try:
        return getattr(thing, name)
    except AttributeError:
        known = ", ".join(sorted(entry for entry in dir(thing) if not entry.startswith("_")))
        raise AttributeError(
            f"{type(thing).__name__} has no method {name!r}; it has: {known or 'none'}"
        ) from None


def _read_reference(value: Any) -> Any:
    """Published clients may send a reference as the bytes of its document."""
    if not isinstance(value, bytes):
        return value
    try:
        return ObjectRef.decode(value)
    except ValueError:
        return value


def _bare_result(value: Any, prefix: str) -> bytes:
    """Return the output for a published client: a reference to the value in the cache."""
    ref = put_object(prefix, value)
    return ObjectRef(ref.endpoint, ref.key, ref.version).encode()


@public("flamepy.runpy")
def main() -> None:
    """Serve as an instance of a Python application; the executor manager starts this."""
    level = os.environ.get("FLAME_LOG", "").upper()
    logging.basicConfig(
        level=level if level in _LOG_LEVELS else "INFO",
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)  # What user code prints should not wait for the end.
    send_what_main_defined()
    try:
        run(FlameRunpyService())
    except FlameError as error:
        sys.exit(f"flamepy.runpy: {error.message}")
