"""Measures a peer of Flame, and answers one line of JSON.

measure.py PEER serve FOLDER            runs its daemons until the standard input ends; says when they serve
measure.py PEER measure FOLDER SIZES    rates, and lists of milliseconds, by name; SIZES is JSON
"""

import importlib
import json
import sys


def main() -> None:
    name, what, folder, *rest = sys.argv[1:]
    peer = importlib.import_module(f"{name}_peer")
    if what == "serve":
        peer.serve(folder)
        print(json.dumps({}))
    else:
        print(json.dumps(peer.measure(folder, json.loads(rest[0]))))


if __name__ == "__main__":
    main()
