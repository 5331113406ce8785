"""Classes: state, inheritance, super(), properties, slots, metaclasses, abstract ones, protocols.

Prints:
    [1, 3, 6] 6
    Woof from rex, says Animal
    25.0 78.5
    AttributeError: the side of a square is more than 0
    (1, 2) False
    ['Csv', 'Json']
    {"a": 1}
    TypeError: Can't instantiate abstract class Shape without an implementation for abstract method 'area'
    True True
    [3, 2, 1]
    <Vector 4 6> 2 True
    ok 5
    Node(1) -> Node(2) -> Node(1)
    made once: 1
"""

import abc
import json
import math
import typing

import flamepy


class Counter:
    def __init__(self):
        self.total = 0

    def add(self, n):
        self.total += n
        return self.total

    @property
    def current(self):
        return self.total

    def get(self):
        return self.current


class Animal:
    def __init__(self, name):
        self.name = name

    def speak(self):
        return f"from {self.name}, says {__class__.__name__}"


class Dog(Animal):
    def speak(self):
        return "Woof " + super().speak()


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    def __init__(self, side):
        self.side = side

    @property
    def side(self):
        return self._side

    @side.setter
    def side(self, side):
        if side <= 0:
            raise AttributeError("the side of a square is more than 0")
        self._side = side

    def area(self):
        return float(self.side**2)


class Circle(Shape):
    def area(self):
        return round(math.pi * 25, 1)


class Slots:
    __slots__ = ("__weakref__", "a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b


class Registry(type):
    known: typing.ClassVar = {}

    def __new__(mcs, name, bases, namespace):
        made = super().__new__(mcs, name, bases, namespace)
        if bases:
            mcs.known[name] = made
        return made


class Format(metaclass=Registry):
    def write(self, data):
        raise NotImplementedError


class Csv(Format):
    def write(self, data):
        return ",".join(data)


class Json(Format):
    def write(self, data):
        return json.dumps(data)


@typing.runtime_checkable
class Writes(typing.Protocol):
    def write(self, data): ...


class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        while self.n:
            yield self.n
            self.n -= 1


class Vector:
    def __init__(self, *parts):
        self.parts = parts

    def __add__(self, other):
        return Vector(*map(sum, zip(self.parts, other.parts, strict=True)))

    def __len__(self):
        return len(self.parts)

    def __eq__(self, other):
        return self.parts == other.parts

    def __hash__(self):
        return hash(self.parts)

    def __repr__(self):
        return f"<Vector {' '.join(map(str, self.parts))}>"


class Guarded:
    """Travels without what it cannot send, as pickle lets it say."""

    def __init__(self):
        import threading

        self.lock = threading.Lock()
        self.value = 5

    def __getstate__(self):
        return {"value": self.value}

    def __setstate__(self, state):
        self.__init__()
        self.__dict__.update(state)

    def get(self):
        with self.lock:
            return "ok", self.value


class Node:
    def __init__(self, value):
        self.value = value
        self.next = None


class Model:
    loads = 0

    def __init__(self):
        Model.loads += 1

    def predict(self, _):
        return Model.loads


def ring():
    first, second = Node(1), Node(2)
    first.next, second.next = second, first
    return first


def written(data):
    return Registry.known["Json"]().write(data)


with flamepy.create_session("flmrun", Counter()) as session:
    print([session.add(n) for n in (1, 2, 3)], session.get())
with flamepy.create_session("flmrun", Model, max_instances=1) as session:
    loads = set(session.predict.map(range(10)))
with flamepy.Executor() as executor:
    print(executor.submit(Dog("rex").speak).result())
    print(executor.submit(Square(5).area).result(), executor.submit(Circle().area).result())
    try:
        executor.submit(Square, 0).result()
    except AttributeError as error:
        print(f"AttributeError: {error.args[0]}")
    slots = executor.submit(Slots, 1, 2).result()
    print((slots.a, slots.b), hasattr(slots, "__dict__"))
    print(executor.submit(lambda: sorted(Registry.known)).result())
    print(executor.submit(written, {"a": 1}).result())
    error = executor.submit(Shape).exception()
    print(f"{type(error.__cause__).__name__}: {error.args[0]}")
    made = executor.submit(Json).result()
    print(type(made) is Json, executor.submit(isinstance, made, Writes).result())
    print(executor.submit(list, Countdown(3)).result())
    total = executor.submit(sum, [Vector(1, 2), Vector(3, 4)], Vector(0, 0)).result()
    print(total, len(total), total == Vector(4, 6) and hash(total) == hash(Vector(4, 6)))
    print(*executor.submit(Guarded().get).result())
    first = executor.submit(ring).result()
    print(f"Node({first.value}) -> Node({first.next.value}) -> Node({first.next.next.value})")
    print("made once:", *loads)
