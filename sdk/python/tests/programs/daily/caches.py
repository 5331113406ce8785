"""Functions with caches, properties that are computed once, and tables of functions.

Prints:
    832040
    [0, 1, 4, 9] True
    [3, 4, 7.5]
    CacheInfo(hits=1, misses=1, maxsize=None, currsize=1)
    (True, 12)
    {'double': 14, 'half': 3.5, 'text': '7'}
    ['ab', 'AB', 'ba']
    6
    0 own entries here
"""

import functools
import operator

import flamepy


@functools.lru_cache(maxsize=None)
def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@functools.cache
def squared(n):
    return n * n


class Report:
    def __init__(self, rows):
        self.rows = rows
        self.computed = 0

    @functools.cached_property
    def total(self):
        self.computed += 1
        return sum(self.rows)

    def twice(self):
        return self.computed == 0 and self.total == self.total and self.computed == 1, self.total


def with_info(n):
    squared.cache_clear()
    squared(n), squared(n)
    return str(squared.cache_info())


operations = {"double": lambda n: 2 * n, "half": lambda n: n / 2, "text": str}


def every(n):
    return {name: operation(n) for name, operation in operations.items()}


steps = [lambda text: text, str.upper, lambda text: text[::-1]]

add = functools.reduce
pick = operator.itemgetter(1)


def sum_of(numbers):
    return add(operator.add, numbers)


with flamepy.Executor() as executor:
    print(executor.submit(fibonacci, 30).result())
    squares = list(executor.map(squared, range(4)))
    print(squares, squares == [squared(n) for n in range(4)])
    squared.cache_clear()
    print(
        [
            executor.submit(call, pair).result()
            for call, pair in ((pick, (2, 3)), (max, [1, 4]), (sum, [3, 4.5]))
        ]
    )
    print(executor.submit(with_info, 3).result())
    print(executor.submit(Report([3, 4, 5]).twice).result())
    print(executor.submit(every, 7).result())
    print([executor.submit(step, "ab").result() for step in steps])
    print(executor.submit(sum_of, [1, 2, 3]).result())
    print(squared.cache_info().currsize, "own entries here")
