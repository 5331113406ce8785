"""The package of the README's application with `url`."""


def hello(name: str) -> str:
    return f"Hello {name}, from a wheel"
