"""Models of pydantic, defined in the main program, as arguments and results.

Prints:
    total=Decimal('31.50') lines=2
    True
    1 validation error for Order
    lines.0.count
    ['price']
    Cat(kind='cat', lives=9)
    Page[Line]
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    computed_field,
    field_validator,
)

import flamepy

T = TypeVar("T")


class Line(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str
    price: Decimal
    count: int = Field(gt=0)

    @computed_field
    @property
    def total(self) -> Decimal:
        return self.price * self.count


class Order(BaseModel):
    lines: list[Line]

    @field_validator("lines")
    @classmethod
    def has_some(cls, lines):
        if not lines:
            raise ValueError("an order has lines")
        return lines


class Bill(BaseModel):
    total: Decimal
    lines: int


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]


class Page(BaseModel, Generic[T]):
    items: list[T]


pets = TypeAdapter(Annotated[Cat | Dog, Field(discriminator="kind")])


def billed(order: Order) -> Bill:
    return Bill(total=sum(line.total for line in order.lines), lines=len(order.lines))


def parsed(text: str) -> Order:
    return Order.model_validate_json(text)


order = Order(lines=[Line(name="tea", price="3.50", count=7), Line(name="milk", price=7, count=1)])
with flamepy.Executor() as executor:
    bill = executor.submit(billed, order).result()
    print(bill)
    print(type(bill) is Bill and executor.submit(parsed, order.model_dump_json()).result() == order)
    failed = executor.submit(parsed, '{"lines": [{"name": "tea", "price": 1, "count": 0}]}')
    try:
        failed.result()
    except ValidationError as error:
        print(str(error.__cause__).splitlines()[0])
        print(str(error.__cause__).splitlines()[1])
    failed = executor.submit(lambda: Line(name="a", price="no price", count=1)).exception()
    print([part for fault in failed.__cause__.errors() for part in fault["loc"]])
    print(repr(executor.submit(pets.validate_python, {"kind": "cat", "lives": 9}).result()))
    print(type(executor.submit(Page[Line], items=order.lines).result()).__name__)
