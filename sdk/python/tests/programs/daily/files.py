"""Files that a task makes and reads: csv, JSON, SQLite, archives, compressed bytes, temporary folders.

Prints:
    [('pear', 3), ('plum', 5)]
    {'total': 8, 'when': '2024-02-29'}
    [('plum', 5)]
    ['a.txt', 'b.txt'] 11
    True 1000000
    FileNotFoundError 2 nowhere.csv
    gone: True
    TypeError an open file: True
"""

import csv
import datetime
import gzip
import io
import json
import sqlite3
import tempfile
import zipfile
from pathlib import Path

import flamepy

TABLE = "name,count\npear,3\nplum,5\n"


def rows(text):
    return [(row["name"], int(row["count"])) for row in csv.DictReader(io.StringIO(text))]


def summary(table):
    day = datetime.date(2024, 2, 29)
    return json.loads(json.dumps({"total": sum(n for _, n in table), "when": day}, default=str))


def queried(table, least):
    with sqlite3.connect(":memory:") as base:
        base.execute("CREATE TABLE fruit (name TEXT, count INTEGER)")
        base.executemany("INSERT INTO fruit VALUES (?, ?)", table)
        found = base.execute("SELECT * FROM fruit WHERE count > ?", (least,)).fetchall()
    base.close()
    return found


def archived(texts):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
        return path.read_bytes()


def unpacked(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist(), sum(len(archive.read(name)) for name in archive.namelist())


def compressed(data):
    return gzip.compress(data)


def read(name):
    return Path(name).read_text()


def folder_of_task():
    with tempfile.TemporaryDirectory() as folder:
        return folder


with flamepy.Executor() as executor:
    table = executor.submit(rows, TABLE).result()
    print(table)
    print(executor.submit(summary, table).result())
    print(executor.submit(queried, table, 3).result())
    data = executor.submit(archived, {"a.txt": "hello", "b.txt": "world!"}).result()
    print(*executor.submit(unpacked, data).result())
    small = executor.submit(compressed, bytes(1_000_000)).result()
    print(len(small) < 10_000, len(gzip.decompress(small)))
    try:
        executor.submit(read, "nowhere.csv").result()
    except FileNotFoundError as error:
        print("FileNotFoundError", error.errno, error.filename)
    print("gone:", not Path(executor.submit(folder_of_task).result()).exists())
    with open("mine.txt", "w") as mine:
        try:
            executor.submit(len, mine)
        except TypeError as error:
            print("TypeError an open file:", "mine.txt" in str(error))
