"""Decorated functions: wraps, caches, decorators with arguments and with state.

Prints:
    ['<', 'hello', '>'] greet
    55
    True
    [3, 3]
    1
    tried 3 times
    (2, 'double')
    ('int', 'thing')
    {'double': <function double>}
"""

import functools
import random

import flamepy

registry = {}


def framed(left, right):
    def decorator(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return [left, function(*args, **kwargs), right]

        return wrapper

    return decorator


def retried(times):
    def decorator(function):
        @functools.wraps(function)
        def wrapper(*args):
            for attempt in range(times):
                try:
                    return function(*args, attempt)
                except ValueError as error:
                    last = error
            raise last

        return wrapper

    return decorator


class Counted:
    def __init__(self, function):
        functools.update_wrapper(self, function)
        self.function = function
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


def registered(function):
    registry[function.__name__] = function
    return function


@framed("<", ">")
def greet():
    return "hello"


@functools.cache
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@functools.cache
def rolled():
    return random.random()


@Counted
def three():
    return 3


@retried(3)
def tried(attempt):
    if attempt < 2:
        raise ValueError(attempt)
    return f"tried {attempt + 1} times"


@registered
def double(n):
    return 2 * n


@functools.singledispatch
def described(value):
    return "thing"


@described.register
def _(value: int):
    return "int"


def by_name(name, value):
    return registry[name](value), registry[name].__name__


with flamepy.Executor() as executor:
    print(executor.submit(greet).result(), greet.__name__)
    print(executor.submit(fibonacci, 10).result())
    print(executor.submit(lambda: rolled() == rolled()).result())
    print([executor.submit(three).result() for _ in range(2)])
    print(executor.submit(lambda: (three(), three.calls)[1]).result())
    print(executor.submit(tried).result())
    print(executor.submit(by_name, "double", 1).result())
    print((executor.submit(described, 1).result(), executor.submit(described, "").result()))
    names = executor.submit(lambda: registry).result()
    print(str({name: each for name, each in names.items()}).split(" at ")[0] + ">}")
