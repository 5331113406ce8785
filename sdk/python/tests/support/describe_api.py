"""A program that prints the public names of the flamepy that it finds, with their signatures."""

import dataclasses
import enum
import importlib
import inspect
import json
import pkgutil
import types
from typing import Any

#: Generated, and compared as messages are; and what runs when it is imported.
_LEFT_OUT = ("flamepy.proto.", "__main__")
_CONSTANTS = (str, bytes, int, list)


def parameters(thing: Any) -> list[list[Any]] | None:
    """Return name, kind and whether it has a default of each parameter; None where nobody knows."""
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return None
    return [
        [name, each.kind.name, each.default is not inspect.Parameter.empty]
        for name, each in signature.parameters.items()
    ]


def describe(thing: Any) -> dict[str, Any]:
    """Return what programs count on."""
    if inspect.isclass(thing):
        told: dict[str, Any] = {"methods": {}, "fields": [], "attributes": []}
        if issubclass(thing, enum.Enum):
            told["members"] = {name: repr(each.value) for name, each in thing.__members__.items()}
            return told
        told["parameters"] = parameters(thing)
        if dataclasses.is_dataclass(thing):
            told["fields"] = [field.name for field in dataclasses.fields(thing)]
        for name, each in inspect.getmembers(thing):
            if name.startswith("_"):
                continue
            if callable(each):
                told["methods"][name] = parameters(each)
            else:
                told["attributes"].append(name)
        return told
    if callable(thing):
        return {"parameters": parameters(thing)}
    if isinstance(thing, bytes):
        return {"value": repr(thing)}
    return {"value": [list(each) for each in thing] if isinstance(thing, list) else thing}


def is_public(name: str, thing: Any) -> bool:
    """Whether a name of a module is flamepy's own, and not one that it imports for itself."""
    if name.startswith("_") or isinstance(thing, types.ModuleType | bool):
        return False
    if isinstance(thing, _CONSTANTS):
        return True
    return bool(getattr(thing, "__module__", "").startswith("flamepy"))


def main() -> None:
    """Print ``{module: {name: description}}``."""
    import flamepy

    modules = ["flamepy"]
    for found in pkgutil.walk_packages(flamepy.__path__, "flamepy."):
        if not any(part in found.name for part in _LEFT_OUT):
            modules.append(found.name)
    told = {}
    for name in modules:
        module = importlib.import_module(name)
        own = {entry: each for entry, each in vars(module).items() if is_public(entry, each)}
        listed = getattr(module, "__all__", ())
        own.update((entry, getattr(module, entry)) for entry in listed)
        told[name] = {
            entry: describe(each)
            for entry, each in own.items()
            if not isinstance(each, types.ModuleType)
        }
        told[name].update(
            (entry, {"module": True})
            for entry in listed
            if isinstance(getattr(module, entry), types.ModuleType)
        )
    print(json.dumps(told))


if __name__ == "__main__":
    main()
