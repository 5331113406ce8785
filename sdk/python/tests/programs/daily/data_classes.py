"""Dataclasses, attrs, enums, named tuples and typed dicts of the main program.

Prints:
    Item(name='tea', price=7.0, tags=['hot'], kind=<Kind.DRINK: 1>)
    True True True
    Frozen(x=2)
    FrozenInstanceError: cannot assign to field 'x'
    Size(width=2, height=6)
    Pair(left=1, right=2) True
    <Flags.A|B: 3> True
    {'name': 'ada', 'age': 36}
    Slotted(a=1, b=2)
"""

import dataclasses
import enum
from typing import NamedTuple, TypedDict

import attrs

import flamepy


class Kind(enum.Enum):
    DRINK = 1
    FOOD = 2


class Flags(enum.Flag):
    A = enum.auto()
    B = enum.auto()


@dataclasses.dataclass
class Item:
    name: str
    price: float
    tags: list[str] = dataclasses.field(default_factory=list)
    kind: Kind = Kind.FOOD


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: int


@dataclasses.dataclass(slots=True)
class Slotted:
    a: int
    b: int = 2


@attrs.define
class Size:
    width: int = attrs.field(validator=attrs.validators.instance_of(int))
    height: int = attrs.field(default=attrs.Factory(lambda self: self.width * 3, takes_self=True))


class Pair(NamedTuple):
    left: int
    right: int


class Person(TypedDict):
    name: str
    age: int


def doubled(item):
    return dataclasses.replace(item, price=item.price * 2, kind=Kind.DRINK)


def assigned(frozen):
    frozen.x = 3


with flamepy.Executor() as executor:
    item = executor.submit(doubled, Item("tea", 3.5, ["hot"])).result()
    print(item)
    print(type(item) is Item, item.kind is Kind.DRINK, item == doubled(Item("tea", 3.5, ["hot"])))
    print(executor.submit(dataclasses.replace, Frozen(1), x=2).result())
    error = executor.submit(assigned, Frozen(1)).exception().__cause__
    print(f"{type(error).__name__}: {error}")
    print(executor.submit(Size, 2).result())
    pair = executor.submit(Pair, 1, 2).result()
    print(pair, type(pair) is Pair)
    both = executor.submit(lambda: Flags.A | Flags.B).result()
    print(repr(both), both is Flags.A | Flags.B)
    print(executor.submit(Person, name="ada", age=36).result())
    print(executor.submit(lambda given: given, Slotted(1)).result())
