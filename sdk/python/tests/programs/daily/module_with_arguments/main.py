"""A package that is run with -m and takes arguments, with relative imports and data beside it.

Run as:
    -m pricing --items tea milk --rate 0.5

Prints:
    tea 5.25
    milk 10.5
    no price for coffee (pricing.errors.NoPriceError)
"""
