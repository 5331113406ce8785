"""Data classes, an abstract class and exceptions that inherit over modules of the project.

Prints:
    Dog(name='Rex', legs=4, owner=Owner(name='Ann'), tricks=['sit'])
    True True
    Rex says Woof to Ann
    ['Cat', 'Dog', 'Puppy']
    Puppy(name='Bo', legs=4, owner=None, tricks=['roll'], age=0.5)
    {'Cat': 4, 'Dog': 8, 'Puppy': 4}
    NoOwner: Tom has no owner (code 7) True
    AnimalError caught, NoOwner
    frozen: cannot assign to field 'name'
    TypeError Can't instantiate abstract class Animal
    sorted ['Ann', 'Bob']
"""

import dataclasses
from collections import Counter

from zoo.animals import Cat, Dog, Puppy, greeting
from zoo.base import Animal, AnimalError, NoOwner, Owner

import flamepy


def trained(animal, trick):
    return dataclasses.replace(animal, tricks=[*animal.tricks, trick])


def kinds(animals):
    return sorted(type(each).__name__ for each in animals if isinstance(each, Animal))


def legs(animals):
    found = Counter()
    for each in animals:
        found[type(each).__name__] += each.legs
    return dict(sorted(found.items()))


def renamed(owner):
    owner.name = "Eve"


def owners():
    return sorted([Owner("Bob"), Owner("Ann")])


with flamepy.Executor() as executor:
    rex = executor.submit(trained, Dog("Rex", owner=Owner("Ann")), "sit").result()
    print(rex)
    print(type(rex) is Dog, rex == Dog("Rex", owner=Owner("Ann"), tricks=["sit"]))
    print(executor.submit(greeting, rex).result())
    animals = [rex, Cat("Tom"), Puppy("Bo", age=0.5)]
    print(executor.submit(kinds, animals).result())
    print(executor.submit(trained, animals[2], "roll").result())
    print(executor.submit(legs, [*animals, Dog("Max")]).result())
    try:
        executor.submit(greeting, animals[1]).result()
    except NoOwner as error:
        print(f"NoOwner: {error.args[0]} (code {error.code})", error.animal == animals[1])
    try:
        executor.submit(animals[1].speak).result()
    except AnimalError as error:
        print("AnimalError caught,", type(error.__cause__).__name__)
    error = executor.submit(renamed, Owner("Ann")).exception()
    print("frozen:", error.args[0])
    error = executor.submit(Animal, "none").exception()
    print("TypeError", error.args[0].partition(" without")[0])
    print("sorted", [owner.name for owner in executor.submit(owners).result()])
