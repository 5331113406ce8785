"""Futures that are waited for while the test kills the session manager."""

import os
import time

import flamepy
from flamepy import RunnerContext, RunnerRequest


def slow(n):
    time.sleep(0.05)
    return n


ssn = flamepy.create_session("flmrun", RunnerContext(slow))
futures = [ssn.run(RunnerRequest(args=(n,))) for n in range(100)]
total = sum(future.result(120).get() for future in futures[:5])
open(os.environ["TEST_MARKER"], "w").close()
print(total + sum(future.result(120).get() for future in futures[5:]))
ssn.close()
