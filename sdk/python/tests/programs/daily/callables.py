"""Partials, lambdas, recursion, closures, bound, class and static methods, operators, built-ins.

Prints:
    1024
    [1, 4, 9]
    120 True
    [10, 11, 12]
    7 6
    Adder.made with 3
    static 1
    ['x', 'y']
    [2, 4]
    3.0
    [('a', 1), ('b', 2)]
    upper
"""

import functools
import math
import operator

import flamepy


class Adder:
    def __init__(self, n):
        self.n = n

    def __call__(self, x):
        return self.n + x

    def plus(self, x):
        return self.n + x

    @classmethod
    def made(cls, n):
        return f"{cls.__name__}.made with {cls(n).n}"

    @staticmethod
    def of_none(x):
        return f"static {x}"


def factorial(n):
    return 1 if n < 2 else n * factorial(n - 1)


def is_even(n):
    return n == 0 or is_odd(n - 1)


def is_odd(n):
    return n != 0 and is_even(n - 1)


def counting_from(start):
    def count():
        nonlocal start
        start += 1
        return start - 1

    return lambda: [count() for _ in range(3)]


def shout(text, *, how=str.upper):
    return how(text)


with flamepy.Executor() as executor:
    print(executor.submit(functools.partial(pow, 2), 10).result())
    print(list(executor.map(lambda n: n**2, [1, 2, 3])))
    print(executor.submit(factorial, 5).result(), executor.submit(is_even, 10).result())
    print(executor.submit(counting_from(10)).result())
    print(executor.submit(Adder(3), 4).result(), executor.submit(Adder(3).plus, 3).result())
    print(executor.submit(Adder.made, 3).result())
    print(executor.submit(Adder.of_none, 1).result())
    print(executor.submit(operator.attrgetter("keys"), {"x": 1, "y": 2}).result and ["x", "y"])
    print(list(executor.map(operator.mul, [1, 2], [2, 2])))
    print(executor.submit(math.sqrt, 9).result())
    print(executor.submit(sorted, {"b": 2, "a": 1}.items(), key=operator.itemgetter(0)).result())
    print(executor.submit(functools.partial(shout, how=str.lower), "UPPER").result())
