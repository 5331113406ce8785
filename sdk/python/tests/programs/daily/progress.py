"""Progress bars of tqdm: around results, and of flamepy itself.

Prints:
    [0, 1, 4, 9]
    45
    6
    4/4
    10/10
    100%
"""

import contextlib
import io
import re
from concurrent.futures import as_completed

from tqdm import tqdm

import flamepy


def square(n):
    return n * n


def quiet(n):
    return sum(tqdm(range(n), disable=True))


shown = io.StringIO()
with contextlib.redirect_stderr(shown), flamepy.Executor() as executor:
    futures = [executor.submit(square, n) for n in range(4)]
    ended = tqdm(as_completed(futures), total=len(futures))
    print(sorted(future.result() for future in ended))
    with flamepy.create_session("flmrun", abs) as session:
        print(sum(session.map(range(10), progress=True)))
    print(executor.submit(quiet, 4).result())
text = shown.getvalue()
print(re.search("4/4", text)[0])
print(re.search("10/10", text)[0])
print(re.search("100%", text)[0])
