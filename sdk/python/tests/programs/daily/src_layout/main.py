"""A project with a src folder, as an editable installation puts it on the path, and one of its models.

Prints:
    Basket(items=('tea', 'milk')) True
    <Unit.KILO: 'kg'> True
    2
    shop.deep.rules
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "src"))

import shop
import shop.deep.rules as rules
from shop import Basket, Unit

import flamepy

with flamepy.Executor() as executor:
    basket = executor.submit(shop.filled, "tea", "milk").result()
    print(basket, isinstance(basket, Basket))
    unit = executor.submit(rules.unit_of, "rice").result()
    print(repr(unit), unit is Unit.KILO)
    print(executor.submit(len, basket).result())
    print(executor.submit(lambda: rules.unit_of.__module__).result())
