"""What to do about a module that is not there."""

from __future__ import annotations

import os
import sys

from flamepy._process.forks import FLAME_INSTANCE_ENDPOINT
from flamepy._values.envelope import PYTHON


def missing_module_advice(error: BaseException) -> str:
    """Return what is missing and what to do; empty for other errors and for modules of Python."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    top = error.name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return ""
    if not os.environ.get(FLAME_INSTANCE_ENDPOINT):
        return (
            f"The module {error.name!r} is not installed here. Install the package that has it, or "
            "return values of types that are known here"
        )
    return (
        f"The module {error.name!r} is not installed on the executor (Python {PYTHON}). Name the "
        "package that has it in packages=[...] of create_session or Executor, or in the manifest "
        "of the application; a module of plain Python that only the client has installed travels "
        "after cloudpickle.register_pickle_by_value(module)"
    )
