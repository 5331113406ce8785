class NoPriceError(LookupError):
    pass
