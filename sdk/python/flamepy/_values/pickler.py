"""How values are pickled: as cloudpickle does, and better where it would change or lose something.

What is written here can be read without flamepy, by any cloudpickle: only names of the standard
library and of the value's own library stand in it.
"""

from __future__ import annotations

import contextvars
import copyreg
import functools
import io
import operator
import pickle
import sys
import types
import typing
import weakref
from collections import ChainMap
from collections.abc import Callable
from typing import Any

import cloudpickle

from flamepy._values.own_modules import is_own
from flamepy._values.value_pickler import ValuePickler

_PROTOCOL = 5


class Pickler(ValuePickler):
    """Pickles into a file so that the same value of the same type comes out."""

    def __init__(self, file: Any, names_only: bool = False) -> None:
        # Looked at by the constructor alone.
        self.dispatch_table = ChainMap(_reducers(), cloudpickle.Pickler.dispatch_table)
        super().__init__(file, _PROTOCOL, names_only)


def _reducers() -> dict[type, Callable[[Any], Any]]:
    """Return what reduces which type; nothing is imported that the value cannot need."""
    found = dict(_STANDARD)
    numpy = _imported("numpy")
    if numpy is not None:
        found.update(dict.fromkeys((numpy.ndarray, numpy.recarray, numpy.matrix), _reduce_array))
        found[numpy.ma.MaskedArray] = _reduce_masked_array
    pyarrow = _imported("pyarrow")
    if pyarrow is not None:
        found.update(dict.fromkeys((pyarrow.Table, pyarrow.RecordBatch), _reduce_arrow))
    polars = _imported("polars")
    if polars is not None:
        found[polars.DataFrame] = _reduce_polars_frame
        found[polars.Series] = _reduce_polars_series
    return found


def _imported(name: str) -> Any:
    """Return a module; None also while another thread imports it: nobody has values of it yet."""
    module = sys.modules.get(name)
    is_whole = not getattr(getattr(module, "__spec__", None), "_initializing", False)
    return module if is_whole else None


def _reduce_view(view: memoryview) -> Any:
    """cloudpickle makes it bytes."""
    data = view.tobytes() if view.readonly else bytearray(view.tobytes())
    if view.format == "B" and view.ndim == 1:
        return memoryview, (data,)
    return memoryview.cast, (memoryview(data), view.format, list(view.shape or ()))


def _reduce_cached(cached: Any) -> Any:
    """functools.lru_cache pickles by name, which the other end may lack; the cache stays here."""
    if _is_found(cached, cached.__qualname__):
        return str(cached.__qualname__)
    parameters = cached.cache_parameters()
    made_of = (cached.__wrapped__, parameters["maxsize"], parameters["typed"], _CacheInfo)
    return type(cached), made_of, dict(vars(cached))


def _reduce_alias(alias: Any) -> Any:
    """``type X = ...`` pickles by name."""
    if _is_found(alias, alias.__name__):
        return str(alias.__name__)
    parts = (alias.__name__, alias.__value__)
    return copyreg.__newobj_ex__, (type(alias), parts, {"type_params": alias.__type_params__})  # type: ignore[attr-defined]


def _reduce_new_type(new: Any) -> Any:
    """typing.NewType pickles by name."""
    if _is_found(new, new.__qualname__):
        return str(new.__qualname__)
    return type(new), (new.__name__, new.__supertype__), dict(vars(new))


def _reduce_variable(variable: Any) -> Any:
    """typing.TypeVar of an own module pickles by name."""
    if not is_own(variable.__module__):
        return cloudpickle.cloudpickle._typevar_reduce(variable)
    parts = cloudpickle.cloudpickle._decompose_typevar(variable)
    return cloudpickle.cloudpickle._make_typevar, parts


def _reduce_context_variable(variable: contextvars.ContextVar[Any]) -> Any:
    """Nothing pickles them. What they are set to stays here, as it does in a new thread."""
    try:
        default = {"default": contextvars.Context().run(variable.get)}
    except LookupError:
        default = {}
    return functools.partial(contextvars.ContextVar, variable.name, **default), ()


def _reduce_weak(entries: Any) -> Any:
    """functools.singledispatch has one; who made the entries is alive as long as this."""
    return type(entries), (dict(entries),)


def _reduce_file(file: Any) -> Any:
    """cloudpickle makes it a text in memory."""
    if file in (sys.stdout, sys.stderr):
        return cloudpickle.cloudpickle._file_reduce(file)
    raise pickle.PicklingError(
        f"the open file {file.name!r} is of this process; open it where it is used, or send what "
        "is in it"
    )


def _reduce_code(code: Any) -> Any:
    """cloudpickle forgets the file, which tracebacks name."""
    make, parts = cloudpickle.cloudpickle._code_reduce(code)
    return make, tuple(code.co_filename if part == "<dynamic-code>" else part for part in parts)


def _reduce_parameter(parameter: Any) -> Any:
    """typing.ParamSpec and TypeVarTuple pickle by name."""
    if _is_found(parameter, parameter.__name__):
        return str(parameter.__name__)
    return type(parameter), (parameter.__name__,)


def _reduce_array(array: Any) -> Any:
    """numpy keeps byte order and read-only where it hands out its memory, and nowhere else."""
    reduced = array.__reduce_ex__(_PROTOCOL)
    if isinstance(reduced[1][0], pickle.PickleBuffer):
        return reduced
    import numpy

    if not array.dtype.isnative and array.dtype.names is None:
        native = array.view(array.dtype.newbyteorder("="))
        return operator.methodcaller("view", array.dtype), (native,)
    if array.flags.writeable:
        return reduced
    copy = array.copy(order="K")
    return numpy.asanyarray, (copy,), False, None, None, numpy.ndarray.setflags


def _reduce_masked_array(array: Any) -> Any:
    """numpy forgets that a mask is hard."""
    if not array.hardmask:
        return array.__reduce_ex__(_PROTOCOL)
    return operator.methodcaller("harden_mask"), (array.copy().soften_mask(),)


def _reduce_arrow(table: Any) -> Any:
    """pyarrow forgets how many rows a table or batch without columns has."""
    if table.num_columns > 0 or table.num_rows == 0:
        return table.__reduce__()
    import pyarrow

    schema = pyarrow.schema([("", pyarrow.null())], table.schema.metadata)
    filled = type(table).from_arrays([pyarrow.nulls(table.num_rows)], schema=schema)
    return operator.methodcaller("select", []), (filled,)


def _reduce_polars_frame(frame: Any) -> Any:
    """polars does not pickle frames with columns of Python objects."""
    import polars

    if polars.Object not in frame.dtypes:
        return frame.__reduce_ex__(_PROTOCOL)
    return type(frame), (frame.get_columns(),)


def _reduce_polars_series(series: Any) -> Any:
    import polars

    if series.dtype != polars.Object:
        return series.__reduce_ex__(_PROTOCOL)
    return type(series), (series.name, series.to_list(), polars.Object)


def _is_found(thing: Any, name: str) -> bool:
    """Whether the other end finds ``thing`` under the name that it has here."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "__main__")
    if module is None or module.__name__ == "__main__" or is_own(module.__name__):
        return False
    by_value = cloudpickle.list_registry_pickle_by_value()
    if any(f"{module.__name__}.".startswith(f"{registered}.") for registered in by_value):
        return False
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is thing


_cached_example: Any = functools.lru_cache(lambda: None)
_CacheInfo: Any = type(_cached_example.cache_info())
_STANDARD: dict[type, Callable[[Any], Any]] = {
    memoryview: _reduce_view,
    type(_cached_example): _reduce_cached,
    typing.TypeAliasType: _reduce_alias,
    typing.NewType: _reduce_new_type,
    typing.TypeVar: _reduce_variable,
    types.CodeType: _reduce_code,
    io.TextIOWrapper: _reduce_file,
    weakref.WeakKeyDictionary: _reduce_weak,
    weakref.WeakValueDictionary: _reduce_weak,
    typing.ParamSpec: _reduce_parameter,
    typing.TypeVarTuple: _reduce_parameter,
    contextvars.ContextVar: _reduce_context_variable,
}
