"""Modules of a client, which no executor has."""

FILES = {
    "own_helpers.py": """
import dataclasses, enum, functools, threading, typing
import own_project.limits
import own_project.limits as limits

guard = threading.Lock()
count = 0
T = typing.TypeVar("T")

class Colour(enum.Enum):
    RED = 1
    BLUE = 2
    def mixed(self):
        return (self, Colour.BLUE)

@dataclasses.dataclass
class Point:
    x: int
    y: int = 0
    kind: Colour = Colour.RED
    class Inner:
        pass
    def moved(self, by):
        return Point(self.x + by, self.y, self.kind)

class Refused(ValueError):
    def __init__(self, what, *, limit):
        super().__init__(f"{what} is over {limit}")
        self.limit = limit

class Locked:
    lock = threading.Lock()

class Counter:
    def __init__(self):
        self.n = 0
    def add(self, by=1):
        self.n += by
        return self.n

class Strict(type):
    def __new__(meta, name, bases, namespace, *, tag):
        made = super().__new__(meta, name, bases, {**namespace, "tag": tag})
        made.fields = sorted(namespace["__annotations__"])
        return made
    def __init__(cls, name, bases, namespace, *, tag):
        super().__init__(name, bases, namespace)
        cls.title = name + "/" + tag

class Row(metaclass=Strict, tag="row"):
    a: int
    b: int

class Plugin(typing.Generic[T]):
    found = {}
    def __init_subclass__(cls, *, level, **more):
        super().__init_subclass__(**more)
        Plugin.found[cls.name] = level

class Greeter(Plugin[int], level=3):
    name = "greeter"

def of_plugins():
    made = Greeter()
    is_one = isinstance(made, Plugin) and Greeter.__mro__[1] is Plugin
    return made.found, is_one, Row.fields, Row.title, Row.tag, Compact().__slots__

class Compact:
    __slots__ = ()
    def __init_subclass__(cls, *, level):
        pass

class Smaller(Compact, level=1):
    __slots__ = ("a",)

class Slotted:
    __slots__ = ("a", "__b", "__weakref__")
    def __init__(self, a, b):
        self.a, self.__b = a, b
    @property
    def b(self):
        return self.__b

@dataclasses.dataclass(slots=True)
class SlottedData(Slotted):
    c: int = 3
    def __init__(self, a, b):
        Slotted.__init__(self, a, b)
        self.c = 3

class Pair(typing.NamedTuple):
    left: int
    right: int = 2

def slotted(thing, kinds):
    made = [kind(*thing) for kind in kinds]
    for each in made:
        try:
            each.other = 1
        except AttributeError:
            continue
        raise AssertionError(f"{each} has a __dict__")
    return made, Pair(1)

def made_locally():
    class Local:
        count = 1
    return Local

def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return ("traced", function(*args))
    return wrapper

@traced
def decorated(x):
    return twice(x)

def twice(x):
    return 2 * x

def counted():
    global count
    count += 1
    return count

def within(point):
    return isinstance(point, Point), point.moved(own_project.limits.STEP)

def checked(value):
    if value > limits.HIGH:
        raise Refused(value, limit=limits.HIGH)
    return value

def guarded():
    with guard:
        return 1

def imports_late():
    import own_late
    from own_project import shapes
    from own_project.shapes import Square
    return own_late.answer(), shapes.Square is Square, Square(3).area()

@functools.singledispatch
def described(value):
    return "thing"

@described.register
def _(value: int):
    return "int"

def of_globals(name):
    return globals()[name], sorted(globals())
""",
    "own_late.py": "def answer():\n    return 42\n",
    "own_project/__init__.py": "",
    "own_project/limits.py": "HIGH = 10\nSTEP = 5\nUNUSED = open(__file__)\n",
    "own_project/shapes.py": """
from .base import Shape

class Square(Shape):
    def __init__(self, side):
        super().__init__("square")
        self.side = side
    def area(self):
        from . import base
        return base.rounded(self.side ** 2)
""",
    "own_project/base.py": """
import abc

class Shape(abc.ABC):
    made = []
    def __init__(self, name):
        self.name = name
        self.made.append(name)
    @abc.abstractmethod
    def area(self): ...

def rounded(number):
    return float(number)
""",
}
