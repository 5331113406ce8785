"""Values for property tests, and where they are checked."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

#: Above the size limit of inline results with any content.
LARGE = 40_000

often = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


#: What the fixture ``travels`` gives.
Check = Callable[[Any], None]


class Colour(enum.Enum):
    RED = 1


_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.uuids()
)
_keys = st.text() | st.integers() | st.booleans() | st.none() | st.tuples(st.integers())
builtins = st.recursive(
    _scalars,
    lambda part: st.lists(part) | st.lists(part).map(tuple) | st.dictionaries(_keys, part),
    max_leaves=20,
)
