"""with blocks in tasks and around them: own context managers, generators, stacks, nested sessions.

Prints:
    ['open a', 'open b', 'use ab', 'close b', 'close a']
    ['begin', 'undone: ValueError', 'end']
    suppressed None
    [1, 2, 3] closed: True
    ValueError inside, session CLOSED
    shut down: cannot schedule new futures after shutdown
    redirected 'hello\\n'
    0.10 of decimal
    nested 12
"""

import contextlib
import decimal
import io

import flamepy


class Resource:
    def __init__(self, name, log):
        self.name, self.log = name, log

    def __enter__(self):
        self.log.append(f"open {self.name}")
        return self

    def __exit__(self, *reason):
        self.log.append(f"close {self.name}")


def two_resources():
    log = []
    with Resource("a", log) as a, Resource("b", log) as b:
        log.append(f"use {a.name}{b.name}")
    return log


@contextlib.contextmanager
def transaction(log):
    log.append("begin")
    try:
        yield log
    except ValueError as error:
        log.append(f"undone: {type(error).__name__}")
    finally:
        log.append("end")


def undone():
    with transaction([]) as log:
        raise ValueError(log)
    return log


def suppressed():
    with contextlib.suppress(ZeroDivisionError):
        return 1 / 0


def stacked(numbers):
    closed = []
    with contextlib.ExitStack() as stack:
        for number in numbers:
            stack.callback(closed.append, number)
        stack.push(lambda *_: closed.reverse())
    return closed


def redirected():
    with contextlib.redirect_stdout(io.StringIO()) as text:
        print("hello")
    return text.getvalue()


def with_precision():
    with decimal.localcontext(decimal.Context(prec=2)):
        return str(decimal.Decimal("0.1000") * 1)


def double(n):
    return 2 * n


def outer(n):
    with flamepy.create_session("flmrun", double) as session:
        return sum(session.map(range(n)))


with flamepy.Executor() as executor:
    print(executor.submit(two_resources).result())
    print(executor.submit(undone).result())
    print("suppressed", executor.submit(suppressed).result())
    print(executor.submit(stacked, [3, 2, 1]).result(), end=" ")
    with contextlib.closing(executor.map(double, range(3))) as results:
        next(results)
    print("closed:", next(results, None) is None)
    try:
        with flamepy.create_session("flmrun", double) as session:
            raise ValueError("inside")
    except ValueError as error:
        while flamepy.get_session(session.id).state is not flamepy.SessionState.CLOSED:
            pass
        print("ValueError", error.args[0] + ", session", "CLOSED")
    with flamepy.Executor() as other:
        pass
    try:
        other.submit(double, 1)
    except RuntimeError as error:
        print("shut down:", error)
    print("redirected", repr(executor.submit(redirected).result()))
    print(executor.submit(with_precision).result(), "of decimal")
    print("nested", executor.submit(outer, 4).result())
