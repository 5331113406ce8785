"""CPython's tests of executors, run with ours on a real cluster.

Of ``test.test_concurrent_futures``, the mixins that are for every executor are run. What does not
apply:

- ``ThreadPoolExecutorTest``, ``ThreadPoolWaitTests``, ``ThreadPoolShutdownTest``: threads of this
  process and their queue.
- ``ProcessPoolExecutorTest``, ``ProcessPoolShutdownTest``: workers that are children of this
  process, their number and pipes, ``max_tasks_per_child``, start methods, a pool that is broken.
- ``ExecutorDeadlockTest``: the same; that what cannot be pickled hangs nobody is in
  test_executor.py.
- ``InitializerMixin``, ``FailingInitializerMixin``: there is no ``initializer``.
- ``FutureTests``: of the class Future alone, without an executor.
- Single tests: see ``_LEFT_OUT``.
"""

from __future__ import annotations

import unittest
from typing import Any

import pytest

import flamepy
from tests.support.cpython_tests import MIXINS, cpython_mixins
from tests.support.real_cluster import RealCluster

_LEFT_OUT = {
    # It wants the bare exception. Errors of flamepy are RemoteTaskErrors with it as their cause,
    # which test_executor.py sees.
    "test_map_exception",
    # It wants one of 50 calls to run already when they are cancelled, which a new session has not
    # begun with by then. test_executor.py waits until one runs.
    "test_cancel_futures",
    # They start programs that import the pool by its name from concurrent.futures, and read what
    # workers print on the terminal of the program. The end of programs is in test_executor.py.
    "test_interpreter_shutdown",
    "test_submit_after_interpreter_shutdown",
    "test_hang_gh83386",
}


class _OurExecutor:
    """What CPython's mixins need of a test."""

    executor_type = flamepy.Executor
    worker_count = 5

    def setUp(self) -> None:
        self.executor = self.executor_type(max_workers=self.worker_count)

    def tearDown(self) -> None:
        self.executor.shutdown()


@pytest.mark.parametrize("mixin", MIXINS)
def test_cpythons_tests_pass(real: RealCluster, mixin: str) -> None:
    tests: Any = type(mixin, (_OurExecutor, cpython_mixins()[mixin], unittest.TestCase), {})
    names = unittest.defaultTestLoader.getTestCaseNames(tests)
    result = unittest.TestResult()
    unittest.TestSuite(tests(name) for name in names if name not in _LEFT_OUT).run(result)
    assert [text for _, text in (*result.errors, *result.failures)] == []
    assert result.testsRun >= 3
    assert result.skipped == []
