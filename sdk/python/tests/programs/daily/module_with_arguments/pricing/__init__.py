from .errors import NoPriceError
from .tables import PRICES

__all__ = ["PRICES", "NoPriceError"]
