import argparse

import flamepy

from . import NoPriceError
from .rules import priced


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", nargs="+")
    parser.add_argument("--rate", type=float)
    options = parser.parse_args()

    def with_rate(item):
        return priced(item) * (1 + options.rate)

    with flamepy.Executor() as executor:
        for item, price in zip(options.items, executor.map(with_rate, options.items), strict=True):
            print(item, price)
        try:
            executor.submit(with_rate, "coffee").result()
        except NoPriceError as error:
            kind = type(error.__cause__)
            print(error.args[0], f"({kind.__module__}.{kind.__qualname__})")


if __name__ == "__main__":
    main()
