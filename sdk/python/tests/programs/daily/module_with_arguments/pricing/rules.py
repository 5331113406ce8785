from . import tables
from .errors import NoPriceError


def priced(item):
    from .text import no_price

    try:
        return tables.PRICES[item]
    except KeyError:
        raise NoPriceError(no_price(item)) from None
