from ..models import Unit

_UNITS = {"rice": Unit.KILO}


def unit_of(item):
    return _UNITS.get(item, Unit.PIECE)
