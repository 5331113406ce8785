"""The API of sessions, tasks, applications, objects and services; pickles name this path."""

from typing import TYPE_CHECKING

from flamepy._names.lazy import lazily as _lazily

# At once: pickles name them, and cloudpickle would send by value what is not found loaded there.
from flamepy.core import cache as cache
from flamepy.core import service as service
from flamepy.core import types as types

if TYPE_CHECKING:
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
    from flamepy._client.shared import ConnectionInstance as ConnectionInstance
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
    from flamepy._names.short import short_name as short_name
    from flamepy._objects.keys import WILDCARD_SESSION as WILDCARD_SESSION
    from flamepy._objects.keys import ObjectKey as ObjectKey
    from flamepy._objects.objects import ObjectRef as ObjectRef
    from flamepy._objects.objects import download_object as download_object
    from flamepy._objects.objects import get_object as get_object
    from flamepy._objects.objects import patch_object as patch_object
    from flamepy._objects.objects import put_object as put_object
    from flamepy._objects.objects import update_object as update_object
    from flamepy._objects.objects import upload_object as upload_object
    from flamepy._results.as_completed import as_completed as as_completed
    from flamepy._results.result import ResultRef as ResultRef
    from flamepy._services.instance_server import FlameInstanceServer as FlameInstanceServer
    from flamepy._services.instance_server import FlameInstanceServicer as FlameInstanceServicer
    from flamepy._services.service import FLAME_INSTANCE_ENDPOINT as FLAME_INSTANCE_ENDPOINT
    from flamepy._services.service import ApplicationContext as ApplicationContext
    from flamepy._services.service import FlameService as FlameService
    from flamepy._services.service import SessionContext as SessionContext
    from flamepy._services.service import TaskContext as TaskContext
    from flamepy._services.service import run as run
    from flamepy._sessions.futures import TaskFuture as TaskFuture
    from flamepy._sessions.session import Session as Session
    from flamepy._sessions.watch import TaskWatcher as TaskWatcher
    from flamepy.core import client as client

__getattr__, __dir__ = _lazily(
    __name__,
    {
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
            "ConnectionInstance",
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
            "TaskFuture",
            "ObjectSession",
            "Session",
            "TaskWatcher",
            "client",
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
        "flamepy._objects.keys": (
            "WILDCARD_SESSION",
            "ObjectKey",
        ),
        "flamepy._names.short": ("short_name",),
        "flamepy._objects.objects": (
            "ObjectRef",
            "download_object",
            "get_object",
            "patch_object",
            "put_object",
            "update_object",
            "upload_object",
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
        "flamepy._services.instance_server": (
            "FlameInstanceServer",
            "FlameInstanceServicer",
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
    },
    loaded=("cache", "service", "types"),
)
