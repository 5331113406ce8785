"""Run Python remotely on a Flame cluster.

::

    import flamepy
    from flamepy import RunnerContext, RunnerRequest, RunnerServiceKind

    def sum(a: int, b: int) -> int:
        return a + b

    ctx = RunnerContext(execution_object=sum, kind=RunnerServiceKind.Stateless)
    with flamepy.create_session("flmrun", ctx) as ssn:
        result = ssn.invoke(RunnerRequest(method=None, args=(1, 2)))
        print(result.get())  # 3
"""

from flamepy import _forks as _forks  # First: it says how gRPC, which the others import, starts.
from flamepy import cache, core, proto, runner, service, tools, util
from flamepy._config import (
    DEFAULT_FLAME_CACHE_ENDPOINT,
    DEFAULT_FLAME_CONF,
    DEFAULT_FLAME_ENDPOINT,
    FlameContext,
    FlameContextRunner,
    FlamePackage,
)
from flamepy._connection import Connection
from flamepy._errors import (
    FlameError,
    FlameErrorCode,
    FlameValueError,
    ObjectNotFoundError,
    PythonVersionError,
    RemoteTaskError,
)
from flamepy._executor import Executor
from flamepy._functions import (
    close_session,
    connect,
    create_session,
    get_application,
    get_session,
    list_applications,
    list_executors,
    list_nodes,
    list_sessions,
    open_session,
    register_application,
    unregister_application,
)
from flamepy._futures import TaskFuture
from flamepy._objects import ObjectRef, get_object, put_object, update_object
from flamepy._result import ResultRef
from flamepy._runner import RunnerContext, RunnerRequest, RunnerServiceKind
from flamepy._service import (
    FLAME_INSTANCE_ENDPOINT,
    ApplicationContext,
    FlameService,
    SessionContext,
    TaskContext,
    run,
)
from flamepy._session import Session
from flamepy._types import (
    Application,
    ApplicationAttributes,
    ApplicationID,
    ApplicationSchema,
    ApplicationState,
    CommonData,
    Event,
    Message,
    ResourceRequirement,
    SessionAttributes,
    SessionID,
    SessionState,
    Shim,
    Task,
    TaskID,
    TaskInformer,
    TaskInput,
    TaskOutput,
    TaskState,
)
from flamepy._version import __version__
from flamepy._watch import TaskWatcher

__all__ = [
    "DEFAULT_FLAME_CACHE_ENDPOINT",
    "DEFAULT_FLAME_CONF",
    "DEFAULT_FLAME_ENDPOINT",
    "FLAME_INSTANCE_ENDPOINT",
    "Application",
    "ApplicationAttributes",
    "ApplicationContext",
    "ApplicationID",
    "ApplicationSchema",
    "ApplicationState",
    "CommonData",
    "Connection",
    "Event",
    "Executor",
    "FlameContext",
    "FlameContextRunner",
    "FlameError",
    "FlameErrorCode",
    "FlamePackage",
    "FlameService",
    "FlameValueError",
    "Message",
    "ObjectNotFoundError",
    "ObjectRef",
    "PythonVersionError",
    "RemoteTaskError",
    "ResourceRequirement",
    "ResultRef",
    "RunnerContext",
    "RunnerRequest",
    "RunnerServiceKind",
    "Session",
    "SessionAttributes",
    "SessionContext",
    "SessionID",
    "SessionState",
    "Shim",
    "Task",
    "TaskContext",
    "TaskFuture",
    "TaskID",
    "TaskInformer",
    "TaskInput",
    "TaskOutput",
    "TaskState",
    "TaskWatcher",
    "__version__",
    "cache",
    "close_session",
    "connect",
    "core",
    "create_session",
    "get_application",
    "get_object",
    "get_session",
    "list_applications",
    "list_executors",
    "list_nodes",
    "list_sessions",
    "open_session",
    "proto",
    "put_object",
    "register_application",
    "run",
    "runner",
    "service",
    "tools",
    "unregister_application",
    "update_object",
    "util",
]
