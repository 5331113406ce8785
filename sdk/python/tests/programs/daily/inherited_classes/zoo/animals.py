from dataclasses import dataclass

from .base import Animal


@dataclass
class Dog(Animal):
    def sound(self):
        return "Woof"


@dataclass
class Puppy(Dog):
    age: float = 0

    def sound(self):
        return super().sound().lower()


@dataclass
class Cat(Animal):
    def sound(self):
        return "Meow"


def greeting(animal):
    return animal.speak()
