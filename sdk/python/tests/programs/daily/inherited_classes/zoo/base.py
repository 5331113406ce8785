from __future__ import annotations

import abc
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True, slots=True)
class Owner:
    name: str


@dataclass
class Animal(abc.ABC):
    name: str
    legs: int = field(default=4, kw_only=True)
    owner: Owner | None = field(default=None, kw_only=True)
    tricks: list[str] = field(default_factory=list, kw_only=True)

    @abc.abstractmethod
    def sound(self) -> str: ...

    def speak(self) -> str:
        if self.owner is None:
            raise NoOwner(self, code=7)
        return f"{self.name} says {self.sound()} to {self.owner.name}"


class AnimalError(Exception):
    pass


class NoOwner(AnimalError):
    def __init__(self, animal: Animal, *, code: int) -> None:
        super().__init__(f"{animal.name} has no owner")
        self.animal = animal
        self.code = code
