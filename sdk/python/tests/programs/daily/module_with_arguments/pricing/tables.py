PRICES = {"tea": 3.5, "milk": 7.0}
