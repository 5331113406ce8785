"""Polars frames, expressions and lazy frames.

Prints:
    [12, 15]
    shape: (2, 2)
    [4, 6]
    ColumnNotFoundError
"""

import polars as pl

import flamepy

frame = pl.DataFrame({"group": list("ababab"), "value": range(2, 8)})
rule = pl.col("value").sum()


def summed(piece):
    return piece.group_by("group").agg(rule).sort("group")


def lazily(piece):
    return piece.lazy().filter(pl.col("value") % 2 == 0)


with flamepy.create_session("flmrun", summed) as session:
    table = session(frame)
    print(table["value"].to_list())
    print(str(table).splitlines()[0])
with flamepy.Executor() as executor:
    print(executor.submit(lazily, frame).result().collect()["value"].to_list()[1:])
    try:
        executor.submit(lambda piece: piece["nothing"], frame).result()
    except pl.exceptions.ColumnNotFoundError as error:
        print(type(error.__cause__).__name__)
