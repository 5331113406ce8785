"""Generators inside of tasks, over their results, as arguments, and as what nothing can send.

Prints:
    [0, 1, 4]
    [1, 2, 3]
    17
    argument 1 of sum(): it is a generator
    the result of the call: it is a generator
    send a list of what it yields, as list() makes it
"""

import flamepy


def squares(n):
    for i in range(n):
        yield i * i


def listed(n):
    return list(squares(n))


with flamepy.Executor() as executor:
    print(executor.submit(listed, 3).result())
    print(list(executor.map(lambda n: n + 1, (n for n in range(3)))))
    print(sum(n for n in executor.map(lambda n: n * n, squares(4)) if n < 20))
    for call in (lambda: executor.submit(sum, squares(4)), lambda: executor.submit(squares, 3)):
        try:
            call().result()
        except TypeError as error:
            text = error.args[0]
            print(text.removeprefix("cannot send ").split(", which")[0])
    print(text.split(": ")[-1])
