"""Random numbers: each task is seeded by its argument, and what is seeded is the same again.

Prints:
    True
    True
    True
    4
"""

import random

import numpy as np

import flamepy


def drawn(seed):
    return np.random.default_rng(seed).normal(size=3).tolist()


def of_generator(generator):
    return generator.normal()


def unseeded(_):
    return random.random()


seeds = np.random.SeedSequence(7).spawn(4)
with flamepy.Executor() as executor:
    first, again = list(executor.map(drawn, seeds)), list(executor.map(drawn, seeds))
    print(first == again)
    print(first == [drawn(seed) for seed in np.random.SeedSequence(7).spawn(4)])
    state = np.random.default_rng(1)
    there = executor.submit(of_generator, state).result()
    print(there == np.random.default_rng(1).normal() == state.normal())
    print(len(set(executor.map(unseeded, range(4)))))
