"""sys.exit, KeyboardInterrupt, os._exit and signals in a task: each is told, and the next task runs.

Prints:
    SystemExit 3 SystemExit: 3
    KeyboardInterrupt
    GeneratorExit
    ended with exit code 7
    ended with exit code 137
    6
"""

import os
import re
import signal
import sys

import flamepy


def leaves(code):
    sys.exit(code)


def interrupts():
    raise KeyboardInterrupt


def closes():
    raise GeneratorExit


def dies():
    os._exit(7)


def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


with flamepy.Executor() as executor:
    error = executor.submit(leaves, 3).exception()
    print(type(error.__cause__).__name__, error.__cause__.code, error.message)
    print(executor.submit(interrupts).exception().remote_type)
    print(executor.submit(closes).exception().remote_type)
    for function in (dies, is_killed):
        error = executor.submit(function).exception()
        print(re.search("ended with exit code [0-9]+", error.message)[0])
    print(executor.submit(sum, [1, 2, 3]).result())
