"""Arrays as arguments, in closures, of every kind; memory views; one that is too large for a message.

Prints:
    2000000 int64
    [[19. 22.]
     [43. 50.]]
    32.0
    [('x', '<i4'), ('name', '<U4')] ada
    [1 -- 3]
    b'bcd'
    True
    ValueError: shapes do not fit
"""

import numpy as np

import flamepy

table = np.ones(2_000_000, dtype=np.int64)  # 16 MB.


def total():
    return table.sum()


def made_with(weights):
    def weighed(values):
        return float(values @ weights)

    return weighed


def changed(values):
    values[0] = 7  # What arrives belongs to the task.
    return values


def refused(values):
    if values.ndim != 3:
        raise ValueError("shapes do not fit")


with flamepy.Executor() as executor:
    found = executor.submit(total).result()
    print(found, found.dtype)
    left, right = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
    print(executor.submit(np.matmul, left, right).result())
    print(executor.submit(made_with(np.array([1.0, 10.0])), np.array([2.0, 3.0])).result())
    rows = np.array([(1, "ada")], dtype=[("x", "i4"), ("name", "U4")])
    back = executor.submit(lambda given: given, rows).result()
    print(back.dtype, back[0]["name"])
    masked = np.ma.masked_array([1, 2, 3], mask=[False, True, False])
    print(executor.submit(lambda given: given, masked).result())
    print(executor.submit(bytes, memoryview(b"abcde")[1:4]).result())
    mine = np.zeros(100_000)
    there = executor.submit(changed, mine).result()
    print(bool(mine[0] == 0 and there[0] == 7 and there.flags.writeable))
    try:
        executor.submit(refused, mine).result()
    except ValueError as error:
        print("ValueError:", error.args[0])
