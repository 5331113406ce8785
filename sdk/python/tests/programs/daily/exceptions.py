"""Exceptions of tasks: with arguments of their own, chained, in groups, with notes, as results.

Prints:
    NotEnough('tea', wanted=3) tea 3
    ('key', 'k') KeyError: 'k'
    ['bad', 'worse'] 1
    ['while pricing tea']
    in main: FileNotFoundError 2
    True
    ValueError('a result')
    AssertionError 'too large'
    ZeroDivisionError True True
    StopIteration
    ['Timeout', 'Unavailable']
    RecursionError
"""

import traceback

import flamepy


class NotEnough(Exception):
    def __init__(self, item, *, wanted):
        super().__init__(f"{wanted} of {item}")
        self.item = item
        self.wanted = wanted

    def __repr__(self):
        return f"NotEnough({self.item!r}, wanted={self.wanted})"


class ServiceError(Exception):
    pass


class Timeout(ServiceError):
    pass


class Unavailable(ServiceError):
    pass


def buys(item, n):
    raise NotEnough(item, wanted=n)


def chained():
    try:
        {}["k"]
    except KeyError as error:
        raise RuntimeError("key", "k") from error


def grouped():
    raise ExceptionGroup("two", [ValueError("bad"), ValueError("worse"), KeyError("other")])


def noted():
    try:
        raise ValueError("no price")
    except ValueError as error:
        error.add_note("while pricing tea")
        raise


def opened(path):
    with open(path) as file:
        return file.read()


def checked(n):
    assert n < 3, "too large"


def divided(a, b):
    return a / b


def stops():
    return next(iter([]))


def serves(n):
    raise (Timeout, Unavailable)[n]()


def for_ever(n):
    return for_ever(n + 1)


with flamepy.Executor() as executor:
    try:
        executor.submit(buys, "tea", 3).result()
    except NotEnough as error:
        print(repr(error.__cause__), error.item, error.wanted)
    try:
        executor.submit(chained).result()
    except RuntimeError as error:
        print(error.args, error.remote_traceback.split("\n\n")[0].splitlines()[-1])
    try:
        executor.submit(grouped).result()
    except* ValueError as group:
        print([error.args[0] for error in group.exceptions], end=" ")
    except* KeyError as group:
        print(len(group.exceptions))
    print(executor.submit(noted).exception().__cause__.__notes__)
    try:
        executor.submit(opened, "/no/such/file").result()
    except OSError as error:
        print("in main:", type(error.__cause__).__name__, error.errno)
    text = "".join(traceback.format_exception(executor.submit(divided, 1, 0).exception()))
    print("return a / b" in text and "in divided" in text)
    print(repr(executor.submit(ValueError, "a result").result()))
    error = executor.submit(checked, 5).exception()
    print(type(error.__cause__).__name__, repr(error.args[0]))
    error = executor.submit(divided, 1, 0).exception()
    print(
        type(error.__cause__).__name__,
        isinstance(error, ArithmeticError),
        isinstance(error, flamepy.RemoteTaskError),
    )
    print(executor.submit(stops).exception().remote_type)
    caught = []
    for n in range(2):
        try:
            executor.submit(serves, n).result()
        except ServiceError as error:
            caught.append(type(error.__cause__).__name__)
    print(caught)
    print(type(executor.submit(for_ever, 0).exception().__cause__).__name__)
