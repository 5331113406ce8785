"""Results of a Runner's calls."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, as_completed
from typing import Any

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._names.public import public
from flamepy._objects.objects import ObjectRef, get_object


@public("flamepy.runner.runner")
class ObjectFuture:
    """The result of a call: a reference to the value, which the object cache keeps.

    Given as an argument of another call, it arrives there as the value.

    Args:
        future: gives the reference, or the bytes of its document.
    """

    def __init__(self, future: Future[Any]) -> None:
        self._future = future

    def __repr__(self) -> str:
        return f"<ObjectFuture {'done' if self._future.done() else 'not done'}>"

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait in an event loop, and return the value or raise what ``get`` raises."""
        return self._awaited().__await__()

    async def _awaited(self) -> Any:
        import asyncio

        from flamepy._results.event_loops import awaited  # Few need it.

        await awaited(self._future)
        return await asyncio.to_thread(self.get)

    def ref(self) -> ObjectRef:
        """Wait for the call to end and return the reference.

        Raises:
            FlameError: the call failed; the original exception is its cause.
        """
        result = self._future.result()
        if isinstance(result, ObjectRef):
            return result
        if result is None:
            raise FlameError(
                FlameErrorCode.INTERNAL,
                "the task gave no output: is the service of its application flamepy.runner.runpy?",
            )
        return ObjectRef.decode(result)

    def get(self) -> Any:
        """Wait for the call to end and return the value.

        Raises:
            FlameError: the call failed; the original exception is its cause.
        """
        return get_object(self.ref())

    def wait(self) -> None:
        """Wait for the call to end; the value stays where it is.

        Raises:
            FlameError: the call failed; the original exception is its cause.
        """
        self._future.result()


@public("flamepy.runner.runner")
class ObjectFutureIterator:
    """Iterates over results in the order in which their calls end; each comes once.

    Args:
        futures: the results.
    """

    def __init__(self, futures: Sequence[ObjectFuture]) -> None:
        self._futures = {future._future: future for future in futures}

    def __iter__(self) -> Iterator[ObjectFuture]:
        for future in as_completed(self._futures):
            yield self._futures[future]
