from __future__ import annotations

from pydantic import BaseModel, PrivateAttr, model_validator


class Point(BaseModel):
    x: int
    y: int
    _seen: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def seen(self) -> Point:
        self._seen = True
        return self


class Tree(BaseModel):
    name: str
    children: list[Tree] = []

    @classmethod
    def of(cls, *names: str) -> Tree:
        first, *others = names
        return cls(name=first, children=[cls.of(*others)] if others else [])


def moved(point: Point) -> Point:
    assert point._seen
    return point.model_copy(update={"x": point.x * 2, "y": point.y * 2})
