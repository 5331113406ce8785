"""Packages as old projects have them: a source archive with setup.py alone, a folder with setup.cfg alone.

The second says what it lacks, and is installed as soon as it has that.

Prints:
    legacy: 1.5 of shop 2.3, 3 prices
    told to add a pyproject.toml with [build-system]
    settings: 21 of tools 0.9
    again: 1.5
    ModuleNotFoundError without it: shop
"""

import logging
import shutil
import tarfile
from pathlib import Path

import flamepy

SETUP = """
from setuptools import setup
setup(name="shop", version="2.3", packages=["shop"], package_data={"shop": ["*.txt"]})
"""
CONFIG = """
[metadata]
name = tools
version = 0.9
[options]
py_modules = tools
"""
BUILD_SYSTEM = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""


def archive_of_setup():
    """What `python setup.py sdist` makes."""
    folder = Path("shop-2.3")
    (folder / "shop").mkdir(parents=True)
    (folder / "setup.py").write_text(SETUP)
    (folder / "shop/__init__.py").write_text(
        "from importlib import metadata, resources\n"
        "def price(name):\n"
        "    text = resources.files(__name__).joinpath('prices.txt').read_text()\n"
        "    prices = dict(line.split() for line in text.splitlines())\n"
        "    return float(prices[name]), metadata.version('shop'), len(prices)\n"
    )
    (folder / "shop/prices.txt").write_text("tea 1.5\nmilk 1\nrice 2\n")
    with tarfile.open("shop-2.3.tar.gz", "w:gz") as archive:
        archive.add(folder)
    shutil.rmtree(folder)
    return Path("shop-2.3.tar.gz").absolute().as_uri()


def folder_with_config():
    folder = Path("tools-project")
    folder.mkdir()
    (folder / "setup.cfg").write_text(CONFIG)
    (folder / "tools.py").write_text(
        "from importlib import metadata\n"
        "def thrice(n):\n    return 3 * n, metadata.version('tools')\n"
    )
    return folder.absolute().as_uri()


def registered(name, url):
    """An application that is like flmrun and has a package."""
    like = flamepy.get_application("flmrun")
    flamepy.register_application(
        name,
        {
            "command": like.command,
            "arguments": like.arguments,
            "working_directory": like.working_directory,
            "installer": "python",
            "url": url,
        },
    )
    return name


def price(name):
    import shop

    return shop.price(name)


def thrice(n):
    import tools

    return tools.thrice(n)


legacy = registered("legacy-sdist", archive_of_setup())
settings = registered("setup-cfg-only", folder_with_config())
# What is the matter with the package is told while one waits, and again when the time is over.
logging.getLogger("flamepy").setLevel(logging.ERROR)
try:
    with flamepy.Executor(legacy) as executor:
        value, version, count = executor.submit(price, "tea").result()
        print(f"legacy: {value} of shop {version}, {count} prices")
    session = flamepy.create_session(settings, thrice)
    try:
        session.invoke(7, timeout=1.5)
    except TimeoutError as error:
        told = "add a pyproject.toml with [build-system]"
        print("told to", told if told in str(error) else error)
    session.cancel()
    session.close()
    Path("tools-project/pyproject.toml").write_text(BUILD_SYSTEM)
    with flamepy.Executor(settings) as executor:
        print("settings: {} of tools {}".format(*executor.submit(thrice, 7).result()))
    with flamepy.Executor(legacy) as executor:
        print("again:", executor.submit(price, "tea").result()[0])
    with flamepy.Executor() as executor:
        error = executor.submit(price, "tea").exception()
        print("ModuleNotFoundError without it:", error.name)
finally:
    for name in (legacy, settings):
        flamepy.unregister_application(name)
