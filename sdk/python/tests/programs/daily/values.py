"""What the standard library has for values: paths, times with zones, decimals, fractions, and more.

Prints:
    PosixPath('a/b.txt') .txt
    2026-03-29 03:30:00+02:00 Europe/Berlin
    1 day, 2:00:00
    0.30 1/3
    12345678901234567890123456789 (1+2j)
    UUID('00000000-0000-0000-0000-000000000007')
    {'b': 2, 'a': 1} [('b', 2), ('a', 1)]
    Counter({'a': 2, 'b': 1})
    deque([2, 3], maxlen=2)
    frozenset({1}) range(0, 4) slice(1, 2, None)
    defaultdict list []
    b'ab' bytearray(b'ab') <memory>
    re.compile('a+')
    nan inf True
    Ellipsis NotImplemented None
    10.0.0.0/8
    namespace(x=1)
    array('d', [1.0])
    ZoneInfo Ünïcödé 🐍
"""

import array
import collections
import datetime
import decimal
import fractions
import ipaddress
import math
import pathlib
import re
import types
import uuid
import zoneinfo

import flamepy


def same(value):
    return value


berlin = zoneinfo.ZoneInfo("Europe/Berlin")
with flamepy.create_session("flmrun", same) as session:
    path = session(pathlib.Path("a") / "b.txt")
    print(repr(path), path.suffix)
    summer = session(datetime.datetime(2026, 3, 29, 1, 30, tzinfo=datetime.UTC).astimezone(berlin))
    print(summer, summer.tzinfo)
    print(session(datetime.timedelta(hours=26)))
    print(session(decimal.Decimal("0.30")), session(fractions.Fraction(1, 3)))
    print(session(12345678901234567890123456789), session(1 + 2j))
    print(repr(session(uuid.UUID(int=7))))
    mapping = collections.OrderedDict(b=2, a=1)
    print(dict(session(mapping)), session(list(mapping.items())))
    print(session(collections.Counter("aab")))
    print(session(collections.deque([1, 2, 3], maxlen=2)))
    print(session(frozenset([1])), session(range(4)), session(slice(1, 2)))
    default = session(collections.defaultdict(list))
    print(type(default).__name__, default.default_factory.__name__, default["x"])
    print(
        session(b"ab"),
        session(bytearray(b"ab")),
        f"<{type(session(memoryview(b''))).__name__[:6]}>",
    )
    print(session(re.compile("a+")))
    print(session(math.nan), session(math.inf), session(True))
    print(session(...), session(NotImplemented), session(None))
    print(session(ipaddress.ip_network("10.0.0.0/8")))
    print(session(types.SimpleNamespace(x=1)))
    print(session(array.array("d", [1.0])))
    print(type(session(berlin)).__name__, session("Ünïcödé 🐍"))
