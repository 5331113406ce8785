"""Connections, sessions and watches, under their published path."""

from flamepy._as_completed import as_completed
from flamepy._config import FlameClientTls, FlameContext
from flamepy._connection import Connection, ConnectionInstance
from flamepy._errors import FlameError, FlameErrorCode
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
from flamepy._log_lines import LogLine
from flamepy._names import short_name
from flamepy._object_session import ObjectSession
from flamepy._remote_calls import RemoteMethod
from flamepy._session import Session
from flamepy._task_list import TaskIterator
from flamepy._task_values import TaskValues
from flamepy._types import (
    Application,
    ApplicationAttributes,
    ApplicationSchema,
    ApplicationState,
    Event,
    ResourceRequirement,
    SessionAttributes,
    SessionID,
    SessionState,
    Shim,
    Task,
    TaskID,
    TaskInformer,
    TaskState,
)
from flamepy._watch import TaskWatcher
from flamepy.proto.frontend_pb2_grpc import FrontendStub

__all__ = [
    "Application",
    "ApplicationAttributes",
    "ApplicationSchema",
    "ApplicationState",
    "Connection",
    "ConnectionInstance",
    "Event",
    "Executor",
    "FlameClientTls",
    "FlameContext",
    "FlameError",
    "FlameErrorCode",
    "FrontendStub",
    "LogLine",
    "ObjectSession",
    "RemoteMethod",
    "ResourceRequirement",
    "Session",
    "SessionAttributes",
    "SessionID",
    "SessionState",
    "Shim",
    "Task",
    "TaskFuture",
    "TaskID",
    "TaskInformer",
    "TaskIterator",
    "TaskState",
    "TaskValues",
    "TaskWatcher",
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
    "short_name",
    "unregister_application",
]
