_STOCK = {"tea": 4}


def counted(item):
    return _STOCK[item]
