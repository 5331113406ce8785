"""Recursion as deep as it is here, and deeper than Python goes, in calls and in data.

Prints:
    900
    RecursionError maximum recursion depth exceeded
    100
    3000
    True
    TypeError cannot send the result of the call: it is a dict, which cannot be pickled
    TypeError cannot send argument 1 of length(): it is a dict, which cannot be pickled
    again 7
"""

import sys

import flamepy


def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)


def without_end(n):
    return without_end(n + 1)


def deeper(n):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        return depth(n)
    finally:
        sys.setrecursionlimit(before)


def is_even(n):
    return True if n == 0 else is_odd(n - 1)


def is_odd(n):
    return False if n == 0 else is_even(n - 1)


def nested(n):
    found = []
    for _ in range(n):
        found = [found]
    return found


def linked(n):
    found = None
    for at in range(n):
        found = {"at": at, "next": found}
    return found


def length(node):
    count = 0
    while node:
        node, count = node["next"], count + 1
    return count


def told(error):
    return (
        "TypeError " + str(error.args[0]).partition(" (")[0]
        if isinstance(error, TypeError)
        else repr(error)
    )


with flamepy.Executor() as executor:
    print(executor.submit(depth, 900).result())
    error = executor.submit(without_end, 0).exception()
    print(type(error.__cause__).__name__, str(error.__cause__)[:32])
    value, levels = executor.submit(nested, 100).result(), 0
    while value:
        value, levels = value[0], levels + 1
    print(levels)
    print(executor.submit(deeper, 3000).result())
    print(executor.submit(is_even, 300).result())
    print(told(executor.submit(linked, 2000).exception()))
    try:
        executor.submit(length, linked(2000))
    except TypeError as error:
        print(told(error))
    print("again", executor.submit(depth, 7).result())
