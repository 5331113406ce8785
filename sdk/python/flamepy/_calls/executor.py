"""Executors: ``concurrent.futures`` on a cluster."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import batched
from types import TracebackType
from typing import Any, Self, cast

from flamepy._calls.executor_work import ExecutorWork, close_when_dropped
from flamepy._calls.function_calls import FunctionPacker, PackedFunction
from flamepy._calls.requests import RunnerContext, RunnerServiceKind
from flamepy._client.functions import create_session
from flamepy._client.shared import ConnectionInstance
from flamepy._logs.lines import Logs
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.stays_here import StaysHere
from flamepy._model.timeouts import milliseconds_of
from flamepy._model.types import ResourceRequirement
from flamepy._names.public import public
from flamepy._process.forks import refuse_in_forked_child
from flamepy._results.progress import ShownResults, total_of
from flamepy._results.results import FlattenedResults, OrderedResults, Results, deadline_of
from flamepy._sessions.futures import TaskFuture
from flamepy.runpy import FunctionCalls  # From there: else it is pickled by value.


@public("flamepy.core.client")
class Executor(StaysHere, concurrent.futures.Executor):
    """Calls functions on the cluster; stands where a ``ProcessPoolExecutor`` stands.

    It has one session, which is created at once and closed by ``shutdown``, or when nobody has the
    executor any more and all its calls have ended. Any number of functions may be called; a
    function or class is pickled once, when it is first called, and what it refers to by value is as
    it was then. Other callables (bound methods, partials, objects) are pickled for each call.

    As a context manager it waits at the end for all calls, as every executor does, unless Ctrl-C
    ends it, which cancels them; as an asynchronous one (``async with``) it lets the loop go on
    meanwhile. The end of a program waits for none: what was handed in is done nevertheless.

    Args:
        application: ``flmrun``, or an application like it.
        max_workers: most instances at a time; None for no limit.
        resreq: what one instance needs; None for the cluster's default.
        priority: higher goes first.
        task_timeout: seconds that each call may take from its submit, or with ``chunksize`` each
            chunk; None for no limit. See ``Session.run``.
        packages: what the functions import beside what is there; see ``create_session``.
        logs: where what calls print goes; as for ``create_session``.

    Raises:
        ValueError: ``max_workers`` is not greater than 0, or ``task_timeout`` cannot be.
        FlameError: the session cannot be created.
    """

    _in_its_place = "make one where it is used, with flamepy.Executor()"

    def __init__(
        self,
        application: str = "flmrun",
        max_workers: int | None = None,
        resreq: ResourceRequirement | None = None,
        priority: int = 0,
        *,
        task_timeout: float | None = None,
        packages: Sequence[str] | None = None,
        logs: Logs = None,
    ) -> None:
        if max_workers is not None and max_workers <= 0:
            raise ValueError(f"max_workers must be greater than 0, got {max_workers}")
        self._timeout_ms = milliseconds_of(task_timeout)
        _refuse_other_services()
        context = RunnerContext(FunctionCalls(), RunnerServiceKind.Stateless)
        session = create_session(
            application,
            context,
            max_instances=max_workers,
            resreq=resreq,
            priority=priority,
            packages=packages,
            logs=logs,
        )
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._is_down = False
        self._work = ExecutorWork(session)
        self._packer = FunctionPacker(session.object_prefix)
        close_when_dropped(self, self._work)

    def __repr__(self) -> str:
        session = self._work.session
        state = "shut down" if self._is_down else "open"
        return f"Executor(application={session.application!r}, session={session.id!r}, {state})"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        # Processes of a pool get Ctrl-C as well; ours would be waited for, and go on after that.
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._abandon()
            return
        try:
            super().__exit__(kind, error, where)
        except KeyboardInterrupt:
            self._abandon()
            raise

    def _abandon(self) -> None:
        if self._process == os.getpid():
            with self._lock:
                self._is_down = True
            self._work.abandon()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *reason: Any) -> None:
        from flamepy._results.event_loops import left  # Few need it.

        await left(self.__exit__, *reason)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Call ``fn(*args, **kwargs)`` on the cluster, and return the future of its result.

        Object references directly in the arguments arrive as the objects they refer to.

        Raises:
            RuntimeError: the executor was shut down.
            TypeError: something cannot be pickled, or ``fn`` cannot be called.
            FlameError: this process was forked from the one that has the executor.
        """
        refuse_in_forked_child(self._process)
        self._refuse_after_shutdown()
        packed = fn if isinstance(fn, PackedFunction) else self._packer.pack(fn)
        request = packed.request(args, kwargs)
        with self._lock:
            self._refuse_after_shutdown()
            try:
                future = self._work.session._run_for_value(request, self._timeout_ms)
            except TypeError:
                packed.refuse_arguments(args, kwargs)
                raise
            self._work.futures.add(future)
        return future

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        progress: bool = False,
    ) -> Results:
        """Return an iterator over the results of ``map(fn, *iterables)``, in that order.

        It is for a ``for`` or an ``async for``. All calls are submitted before this returns. Giving
        the iterator up cancels those that are pending still.

        Args:
            fn: what is called; pickled once for all of them.
            iterables: its arguments, as for the built-in ``map``.
            timeout: seconds from now, after which the iterator raises ``TimeoutError``.
            chunksize: calls that are one task. Larger ones are faster for short calls.
            progress: show on stderr how many results were read: by tqdm if that is installed.

        Raises:
            ValueError: ``chunksize`` is less than 1.
        """
        if chunksize < 1:
            raise ValueError(f"chunksize must be >= 1, got {chunksize}")
        refuse_in_forked_child(self._process)
        self._refuse_after_shutdown()
        deadline = deadline_of(timeout)
        total = total_of(iterables) if progress else None
        packed = self._packer.pack(fn, for_many=True)
        calls = zip(*iterables, strict=False)
        if chunksize > 1:
            packed, calls = packed.chunked(), zip(batched(calls, chunksize), strict=False)
        futures = [self.submit(cast(Any, packed), *args) for args in calls]
        found: Results = OrderedResults(futures, self._work.session._cancel_quietly, deadline)
        if chunksize > 1:
            found = FlattenedResults(found)
        return ShownResults(found, total) if progress else found

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and close the session when all have ended.

        Args:
            wait: return when that is done; otherwise it is done meanwhile.
            cancel_futures: cancel what does not run yet.

        Raises:
            FlameError: the session manager does not answer.
        """
        if self._process != os.getpid():
            return  # A forked child has nothing of it but the name.
        with self._lock:
            self._is_down = True
        if cancel_futures:
            self._work.session._cancel_pending()
        if wait:
            self._work.finish()
        else:
            self._work.finish_meanwhile()

    def _refuse_after_shutdown(self) -> None:
        if self._is_down:
            raise RuntimeError("cannot schedule new futures after shutdown")


def _refuse_other_services() -> None:
    connection = ConnectionInstance.instance()
    if not connection.reads_frames():
        raise FlameError(
            FlameErrorCode.INVALID_STATE,
            f"failed to make an Executor: the services of the cluster at {connection.addr} are of "
            "another make: they call one object in each session. Use "
            "flamepy.create_session(application, function), which has submit() and map() for it",
        )
