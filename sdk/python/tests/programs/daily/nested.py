"""Tasks that use the cluster: executors and sessions within tasks, and a quicksort of them.

Prints:
    [1, 2, 3, 4, 5, 8, 9]
    6
    [1, 4, 9]
    ValueError: deep
"""

import flamepy


def sorted_by_tasks(numbers, depth=2):
    if depth == 0 or len(numbers) < 2:
        return sorted(numbers)
    first, *others = numbers
    parts = [n for n in others if n < first], [n for n in others if n >= first]
    with flamepy.Executor() as executor:
        left, right = executor.map(sorted_by_tasks, parts, [depth - 1] * 2)
    return [*left, first, *right]


class Outer:
    def total(self, numbers):
        with flamepy.create_session("flmrun", sum) as session:
            return session(numbers)


def squares(numbers):
    def square(n):
        return n * n

    with flamepy.create_session("flmrun", square) as session:
        return list(session.map(numbers))


def fails():
    raise ValueError("deep")


def passes_on():
    with flamepy.Executor() as executor:
        return executor.submit(fails).result()


with flamepy.Executor() as executor:
    print(executor.submit(sorted_by_tasks, [5, 3, 8, 1, 9, 2, 4]).result())
    print(executor.submit(Outer().total, [1, 2, 3]).result())
    print(executor.submit(squares, [1, 2, 3]).result())
    try:
        executor.submit(passes_on).result()
    except ValueError as error:
        print("ValueError:", error.args[0])
