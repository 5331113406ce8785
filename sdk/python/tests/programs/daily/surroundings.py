"""What a task finds around it: not the client's environment, folder, arguments or input.

Prints:
    None
    set there
    flmrun True
    written there
    flamepy.runpy
    EOFError: EOF when reading a line
    True
    __main__ surroundings.py
    True False
    ada
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import flamepy

os.environ["MY_SETTING"] = "of the client"
HERE = Path(__file__).parent
options = argparse.Namespace(user="ada")


def setting():
    return os.environ.get("MY_SETTING")


def sets(value):
    os.environ["MY_SETTING"] = value
    return os.environ["MY_SETTING"]


def folder():
    return Path.cwd()


def writes():
    with tempfile.TemporaryDirectory() as made:
        file = Path(made) / "a.txt"
        file.write_text("written there")
        return file.read_text()


def program():
    return Path(sys.argv[0]).name


def asked():
    return input("name? ")


def of_file():
    return f"{__name__} {os.path.basename(__file__)}"


def paths():
    return sys.path


def user():
    return options.user


with flamepy.Executor() as executor:
    print(executor.submit(setting).result())
    print(executor.submit(sets, "set there").result())
    there = executor.submit(folder).result()
    print(there.name, there != Path.cwd())
    print(executor.submit(writes).result())
    print(executor.submit(program).result())
    try:
        executor.submit(asked).result()
    except EOFError as error:
        print("EOFError:", error.args[0])
    print(executor.submit(lambda: HERE).result() == HERE)
    print(executor.submit(of_file).result())
    found = executor.submit(paths).result()
    print(str(HERE) in sys.path, str(HERE) in found)
    print(executor.submit(user).result())
