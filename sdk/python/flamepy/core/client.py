"""Connections, sessions and watches, under their published path."""

from flamepy._calls.executor import Executor
from flamepy._calls.object_session import ObjectSession
from flamepy._calls.remote_calls import RemoteMethod
from flamepy._client.config import FlameClientTls, FlameContext
from flamepy._client.connection import Connection
from flamepy._client.functions import (
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
from flamepy._client.shared import ConnectionInstance
from flamepy._logs.lines import LogLine
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.types import (
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
from flamepy._names.short import short_name
from flamepy._results.as_completed import as_completed
from flamepy._sessions.futures import TaskFuture
from flamepy._sessions.session import Session
from flamepy._sessions.task_list import TaskIterator
from flamepy._sessions.task_values import TaskValues
from flamepy._sessions.watch import TaskWatcher
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
