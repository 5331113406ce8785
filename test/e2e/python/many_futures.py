"""Futures that are waited for while the test kills the session manager."""

import sys
import time

import flamepy
from flamepy import RunnerContext, RunnerRequest


def slow(n):
    time.sleep(0.05)
    return n


ssn = flamepy.create_session("flmrun", RunnerContext(slow))
futures = [ssn.run(RunnerRequest(args=(n,))) for n in range(60)]
print("created", file=sys.stderr, flush=True)
print(sum(future.result(120).get() for future in futures))
ssn.close()
