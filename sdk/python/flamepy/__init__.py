"""Run Python functions on a Flame cluster.

::

    import flamepy

    with flamepy.create_session("flmrun", lambda n: n * n) as session:
        print(session(7))  # 49
        print(sum(session.map(range(1000), progress=True)))  # 332833500

create_session  calls of a function, class or object: session(...), submit, map, methods
Executor        a concurrent.futures.Executor: many functions, wherever a pool stands
as_completed    results as they come, in a for or an async for; each future can be awaited
put_object      large values that calls share; get_object reads them
list_sessions   what there is; likewise list_applications, list_nodes, list_executors
FlameError      what all errors of a cluster are; RemoteTaskError is that of a call

help(flamepy.create_session) and so on say more; docs/python.md is the guide. The cluster is the one
of FLAME_ENDPOINT, of ~/.flame/flame.yaml, or the one on this machine. RunnerContext and
RunnerRequest are the specified way, with a reference for each result.
"""

from typing import TYPE_CHECKING

# First: it says how gRPC, which others import, starts.
import flamepy._process.forks  # noqa: F401

# isort: split
from flamepy import core as core  # At once: pickles name it.
from flamepy._names.lazy import lazily as _lazily

if TYPE_CHECKING:
    from flamepy import cache as cache
    from flamepy import proto as proto
    from flamepy import runner as runner
    from flamepy import service as service
    from flamepy import tools as tools
    from flamepy import util as util
    from flamepy._calls.executor import Executor as Executor
    from flamepy._calls.object_session import ObjectSession as ObjectSession
    from flamepy._calls.requests import RunnerContext as RunnerContext
    from flamepy._calls.requests import RunnerRequest as RunnerRequest
    from flamepy._calls.requests import RunnerServiceKind as RunnerServiceKind
    from flamepy._client.config import DEFAULT_FLAME_CACHE_ENDPOINT as DEFAULT_FLAME_CACHE_ENDPOINT
    from flamepy._client.config import DEFAULT_FLAME_CONF as DEFAULT_FLAME_CONF
    from flamepy._client.config import DEFAULT_FLAME_ENDPOINT as DEFAULT_FLAME_ENDPOINT
    from flamepy._client.config import FlameContext as FlameContext
    from flamepy._client.config import FlameContextRunner as FlameContextRunner
    from flamepy._client.config import FlamePackage as FlamePackage
    from flamepy._client.connection import Connection as Connection
    from flamepy._client.functions import close_session as close_session
    from flamepy._client.functions import connect as connect
    from flamepy._client.functions import create_session as create_session
    from flamepy._client.functions import get_application as get_application
    from flamepy._client.functions import get_session as get_session
    from flamepy._client.functions import list_applications as list_applications
    from flamepy._client.functions import list_executors as list_executors
    from flamepy._client.functions import list_nodes as list_nodes
    from flamepy._client.functions import list_sessions as list_sessions
    from flamepy._client.functions import open_session as open_session
    from flamepy._client.functions import register_application as register_application
    from flamepy._client.functions import unregister_application as unregister_application
    from flamepy._logs.lines import LogLine as LogLine
    from flamepy._model.errors import FlameError as FlameError
    from flamepy._model.errors import FlameErrorCode as FlameErrorCode
    from flamepy._model.errors import FlameValueError as FlameValueError
    from flamepy._model.errors import ObjectLostError as ObjectLostError
    from flamepy._model.errors import ObjectNotFoundError as ObjectNotFoundError
    from flamepy._model.errors import PythonVersionError as PythonVersionError
    from flamepy._model.errors import RemoteTaskError as RemoteTaskError
    from flamepy._model.types import Application as Application
    from flamepy._model.types import ApplicationAttributes as ApplicationAttributes
    from flamepy._model.types import ApplicationID as ApplicationID
    from flamepy._model.types import ApplicationSchema as ApplicationSchema
    from flamepy._model.types import ApplicationState as ApplicationState
    from flamepy._model.types import CommonData as CommonData
    from flamepy._model.types import Event as Event
    from flamepy._model.types import Message as Message
    from flamepy._model.types import ResourceRequirement as ResourceRequirement
    from flamepy._model.types import SessionAttributes as SessionAttributes
    from flamepy._model.types import SessionID as SessionID
    from flamepy._model.types import SessionState as SessionState
    from flamepy._model.types import Shim as Shim
    from flamepy._model.types import Task as Task
    from flamepy._model.types import TaskID as TaskID
    from flamepy._model.types import TaskInformer as TaskInformer
    from flamepy._model.types import TaskInput as TaskInput
    from flamepy._model.types import TaskOutput as TaskOutput
    from flamepy._model.types import TaskState as TaskState
    from flamepy._names.version import __version__ as __version__
    from flamepy._objects.objects import ObjectRef as ObjectRef
    from flamepy._objects.objects import get_object as get_object
    from flamepy._objects.objects import put_object as put_object
    from flamepy._objects.objects import update_object as update_object
    from flamepy._results.as_completed import as_completed as as_completed
    from flamepy._results.result import ResultRef as ResultRef
    from flamepy._services.service import FLAME_INSTANCE_ENDPOINT as FLAME_INSTANCE_ENDPOINT
    from flamepy._services.service import ApplicationContext as ApplicationContext
    from flamepy._services.service import FlameService as FlameService
    from flamepy._services.service import SessionContext as SessionContext
    from flamepy._services.service import TaskContext as TaskContext
    from flamepy._services.service import run as run
    from flamepy._sessions.futures import TaskFuture as TaskFuture
    from flamepy._sessions.session import Session as Session
    from flamepy._sessions.watch import TaskWatcher as TaskWatcher

__getattr__, __dir__ = _lazily(
    __name__,
    {
        "flamepy.cache": ("cache",),
        "flamepy.proto": ("proto",),
        "flamepy.runner": ("runner",),
        "flamepy.service": ("service",),
        "flamepy.tools": ("tools",),
        "flamepy.util": ("util",),
        "flamepy._client.config": (
            "DEFAULT_FLAME_CACHE_ENDPOINT",
            "DEFAULT_FLAME_CONF",
            "DEFAULT_FLAME_ENDPOINT",
            "FlameContext",
            "FlameContextRunner",
            "FlamePackage",
        ),
        "flamepy.core.client": (
            "Connection",
            "Executor",
            "as_completed",
            "close_session",
            "connect",
            "create_session",
            "get_application",
            "get_session",
            "list_applications",
            "list_executors",
            "list_nodes",
            "list_sessions",
            "open_session",
            "register_application",
            "unregister_application",
            "LogLine",
            "TaskFuture",
            "ObjectSession",
            "Session",
            "TaskWatcher",
        ),
        "flamepy._model.errors": (
            "FlameError",
            "FlameErrorCode",
            "FlameValueError",
            "ObjectLostError",
            "ObjectNotFoundError",
            "PythonVersionError",
            "RemoteTaskError",
        ),
        "flamepy._objects.objects": (
            "ObjectRef",
            "get_object",
            "put_object",
            "update_object",
        ),
        "flamepy._results.result": ("ResultRef",),
        "flamepy._calls.requests": (
            "RunnerContext",
            "RunnerRequest",
            "RunnerServiceKind",
        ),
        "flamepy._services.service": (
            "FLAME_INSTANCE_ENDPOINT",
            "ApplicationContext",
            "FlameService",
            "SessionContext",
            "TaskContext",
            "run",
        ),
        "flamepy._model.types": (
            "Application",
            "ApplicationAttributes",
            "ApplicationID",
            "ApplicationSchema",
            "ApplicationState",
            "CommonData",
            "Event",
            "Message",
            "ResourceRequirement",
            "SessionAttributes",
            "SessionID",
            "SessionState",
            "Shim",
            "Task",
            "TaskID",
            "TaskInformer",
            "TaskInput",
            "TaskOutput",
            "TaskState",
        ),
        "flamepy._names.version": ("__version__",),
    },
    loaded=("core",),
    short_help=True,
)
