"""Connections, sessions and watches, under their published path."""

from flamepy._connection import Connection, ConnectionInstance
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
from flamepy._session import Session
from flamepy._watch import TaskWatcher

__all__ = [
    "Connection",
    "ConnectionInstance",
    "Session",
    "TaskFuture",
    "TaskWatcher",
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
]
