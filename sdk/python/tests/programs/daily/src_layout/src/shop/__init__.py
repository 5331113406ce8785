from shop.models import Basket, Unit


def filled(*items):
    return Basket(items)


__all__ = ["Basket", "Unit", "filled"]
