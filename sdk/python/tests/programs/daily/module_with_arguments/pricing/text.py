def no_price(item):
    return f"no price for {item}"
