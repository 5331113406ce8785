"""Type parameters, protocols, overloads, descriptors and metaclasses: classes as typed programs have them.

Prints:
    Stack([1, 2]) Stack[int]
    [('a', 1), ('b', 2)]
    Celsius(21.5) 70.7
    ['Csv', 'Json']
    ValueError temperature is below zero: -300
    Pair(first=1, second='x') int
    <Level.HIGH: 3> Access.READ|WRITE
    True circle 12.57
    (1, 2) Vector
"""

import enum
import math
from typing import Generic, NamedTuple, Protocol, Self, TypeVar, runtime_checkable

import flamepy

T = TypeVar("T")
U = TypeVar("U")


class Stack[Item]:
    def __init__(self, *items: Item) -> None:
        self.items = list(items)

    def push(self, item: Item) -> Self:
        self.items.append(item)
        return self

    def __repr__(self):
        return f"Stack({self.items})"


class Table(Generic[T, U], dict[T, U]):
    def sorted(self):
        return sorted(self.items())


class AboveZero:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, thing, owner=None):
        return self if thing is None else thing.__dict__[self.name]

    def __set__(self, thing, value):
        if value < -273.15:
            raise ValueError(f"{self.name} is below zero: {value}")
        thing.__dict__[self.name] = value


class Celsius:
    temperature = AboveZero()

    def __init__(self, temperature):
        self.temperature = temperature

    @property
    def fahrenheit(self):
        return self.temperature * 9 / 5 + 32

    @classmethod
    def from_fahrenheit(cls, value):
        return cls((value - 32) * 5 / 9)

    def __repr__(self):
        return f"Celsius({self.temperature:g})"


class Registry(type):
    known = []

    def __init__(cls, name, bases, space):
        super().__init__(name, bases, space)
        if bases:
            Registry.known.append(cls)


class Format(metaclass=Registry):
    pass


class Csv(Format):
    pass


class Json(Format):
    pass


class Pair(NamedTuple, Generic[T, U]):
    first: T
    second: U


Level = enum.IntEnum("Level", {"LOW": 1, "HIGH": 3})


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


@runtime_checkable
class Shape(Protocol):
    def area(self) -> float: ...


class Circle:
    def __init__(self, radius):
        self.radius = radius

    def area(self):
        return math.pi * self.radius**2


class Vector(tuple):
    __slots__ = ()

    def __new__(cls, *parts):
        return super().__new__(cls, parts)

    def __getnewargs__(self):
        return tuple(self)


def names():
    return sorted(each.__name__ for each in Registry.known)


def described(shape: Shape):
    return isinstance(shape, Shape), type(shape).__name__.lower(), round(shape.area(), 2)


def levels():
    return max(Level), Access.READ | Access.WRITE


with flamepy.Executor() as executor:
    stack = executor.submit(Stack(1).push, 2).result()
    print(stack, Stack[int].__origin__.__name__ + "[int]")
    print(executor.submit(Table.sorted, Table(b=2, a=1)).result())
    print(Celsius(21.5), round(executor.submit(getattr, Celsius(21.5), "fahrenheit").result(), 1))
    print(executor.submit(names).result())
    print("ValueError", executor.submit(Celsius, -300).exception().args[0])
    pair = executor.submit(Pair, 1, "x").result()
    print(pair, type(pair.first).__name__)
    level, access = executor.submit(levels).result()
    print(repr(level), access)
    print(*executor.submit(described, Circle(2)).result())
    vector = executor.submit(Vector, 1, 2).result()
    print(vector, type(vector).__name__)
