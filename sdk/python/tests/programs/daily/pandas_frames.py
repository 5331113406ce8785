"""Data frames go in and come out, grouped in pieces on the cluster.

Prints:
    {'a': 12, 'b': 15}
    (6, 3) ['group', 'value', 'half']
    True
    datetime64[us, UTC] category
    KeyError: KeyError: 'nothing' (code: 3)
"""

import pandas as pd

import flamepy

frame = pd.DataFrame({"group": list("ababab"), "value": range(2, 8)})


def total(piece):
    return int(piece["value"].sum())


def with_half(piece):
    return piece.assign(half=piece["value"] / 2)


def dated(piece):
    return piece.assign(
        when=pd.date_range("2026-01-01", periods=len(piece), tz="UTC").as_unit("us"),
        group=piece["group"].astype("category"),
    )


with flamepy.Executor() as executor:
    names, pieces = zip(*frame.groupby("group"), strict=True)
    print(dict(zip(names, executor.map(total, pieces), strict=True)))
    whole = pd.concat(executor.map(with_half, pieces)).sort_index()
    print(whole.shape, list(whole.columns))
    print(whole.equals(with_half(frame)))
    kinds = executor.submit(dated, frame).result().dtypes
    print(kinds["when"], kinds["group"])
    try:
        executor.submit(lambda piece: piece["nothing"], frame).result()
    except KeyError as error:
        print("KeyError:", error)
