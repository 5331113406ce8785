"""joblib, and with it scikit-learn's ``n_jobs``, on a cluster.

::

    import flamepy.joblib
    import joblib

    flamepy.joblib.register()
    with joblib.parallel_config(backend="flame", n_jobs=-1):
        search.fit(x, y)

The executors need joblib as well, and what the calls use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import joblib
from joblib._parallel_backends import AutoBatchingMixin

from flamepy._calls.executor import Executor
from flamepy._client.functions import list_nodes

__all__ = ["FlameBackend", "register"]


class FlameBackend(AutoBatchingMixin, joblib.ParallelBackendBase):  # type: ignore[misc]
    """Runs the calls of ``joblib.Parallel`` in an :class:`flamepy.Executor`, which it makes itself.

    One serves all calls within one ``parallel_config``: what these import is loaded once.

    Args:
        nesting_level: joblib's own.
        application: as for ``flamepy.Executor``, and so is the rest of ``options``, but for
            ``max_workers``, which is ``n_jobs``. ``n_jobs=-1`` is as many as the cluster has CPUs.
    """

    supports_retrieve_callback = True
    default_n_jobs = -1

    def __init__(
        self, nesting_level: int | None = None, application: str = "flmrun", **options: Any
    ) -> None:
        super().__init__(nesting_level=nesting_level)
        self._application = application
        self._options = options
        self._executor: Executor | None = None
        self._n_jobs = 0

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return how many calls may run at a time."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is not None and n_jobs > 0:
            return n_jobs
        cpus = sum(node.status.capacity.cpu for node in list_nodes())
        return max(int(cpus) + 1 + (-1 if n_jobs is None else n_jobs), 1)

    def configure(self, n_jobs: int | None = 1, parallel: Any = None, **_: Any) -> int:
        """Take another ``joblib.Parallel``; returns how many of its calls may run at a time."""
        self.parallel = parallel
        wanted = self.effective_n_jobs(n_jobs)
        if wanted != self._n_jobs:
            self._executor = None  # Nobody has it then, so its session is closed.
        self._n_jobs = wanted
        return wanted

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None) -> Any:
        """Start some calls, and have joblib told when they have ended."""
        if self._executor is None:
            self._executor = Executor(self._application, max_workers=self._n_jobs, **self._options)
        future = self._executor.submit(func)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return the results of some calls, or raise what one of them raised."""
        return out.result()

    def terminate(self) -> None:
        """Forget how long the calls took; others come next."""
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel what does not run yet: one call has failed, and nobody wants the others."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)


def register() -> None:
    """Have ``joblib.parallel_config(backend="flame")`` mean the cluster."""
    joblib.register_parallel_backend("flame", FlameBackend)
