"""Two folders that share a namespace package, without an __init__.py of it.

Prints:
    12
    company.stock company.billing
    True
"""

import sys
from pathlib import Path

for part in ("one", "two"):
    sys.path.insert(0, str(Path(__file__).parent / part))

from company.billing import Bill, billed  # noqa: E402
from company.stock import counted  # noqa: E402

import flamepy  # noqa: E402


def both(item):
    return billed(item, counted(item))


with flamepy.Executor() as executor:
    bill = executor.submit(both, "tea").result()
    print(bill.total)
    print(executor.submit(lambda: f"{counted.__module__} {Bill.__module__}").result())
    print(type(bill) is Bill)
