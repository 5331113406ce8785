"""Makes an application's package importable in every Python that its service is or starts.

The folder of this file is put into PYTHONPATH, so any Python imports it at its start. The package
itself cannot be put there: what PYTHONPATH names comes before the standard library, and a package
may hold modules of the same names. Here the folders that FLAME_APP_SITE names go behind everything
that the interpreter has itself.

No part of flamepy is imported, and nothing that older versions of Python 3 lack: a service may
start any of them.
"""

import os
import sys


def _enter_package() -> None:
    import site

    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    for folder in os.environ.get("FLAME_APP_SITE", "").split(os.pathsep):
        if folder and os.path.isdir(folder):
            site.addsitedir(folder)


def _run_the_hidden_one() -> None:
    """Run the sitecustomize that would have run without this one, if there is one."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_enter_package()
_run_the_hidden_one()
