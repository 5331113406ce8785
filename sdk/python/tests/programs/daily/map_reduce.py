"""Words counted by map and reduce, with a tree of partial results and a large value that is shared.

Prints:
    [('the', 4), ('cat', 2), ('saw', 2)]
    8
    5050
    {'even': 20, 'odd': 25}
    True
"""

import collections
import functools
import itertools
import operator
import re

import flamepy

TEXTS = ["The cat saw the dog.", "The dog saw a mouse;", "the mouse and a cat ran."]


def counted(text):
    return collections.Counter(re.findall("[a-z]+", text.lower()))


def added(counters):
    return sum(counters, collections.Counter())


def tree_sum(executor, values):
    while len(values) > 1:
        pairs = itertools.batched(values, 2)
        values = list(executor.map(sum, pairs))
    return values[0]


def keyed(n):
    return "odd" if n % 2 else "even", n


def found(words, word):
    return word in words


with flamepy.Executor() as executor:
    counters = list(executor.map(counted, TEXTS))
    print(executor.submit(added, counters).result().most_common(3))
    print(len(functools.reduce(operator.or_, counters)))
    print(tree_sum(executor, list(range(101))))
    groups = collections.defaultdict(list)
    for key, value in executor.map(keyed, range(10)):
        groups[key].append(value)
    print(dict(zip(groups, executor.map(sum, groups.values()), strict=True)))
with flamepy.create_session("flmrun", found) as session:
    words = flamepy.put_object(session.object_prefix, frozenset(map(str, range(50_000))))
    print(all(session.map([words] * 4, ["1", "77", "4999", "49999"])))
