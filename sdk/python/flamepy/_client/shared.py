"""The connection that the functions of the API share."""

from __future__ import annotations

import threading

from flamepy._client.config import current_context
from flamepy._client.connection import Connection
from flamepy._names.public import public


@public("flamepy.core.client")
class ConnectionInstance:
    """The connection that the functions of this module share; made on first use."""

    _lock = threading.Lock()
    _connection: Connection | None = None

    @classmethod
    def instance(cls) -> Connection:
        """Return the shared connection, to the endpoint of the configuration."""
        with cls._lock:
            if cls._connection is None:
                context = current_context()
                cls._connection = Connection.connect(context.endpoint, context.tls)
            return cls._connection

    @classmethod
    def close(cls) -> None:
        """Close the shared connection; the next use makes a new one."""
        with cls._lock:
            connection, cls._connection = cls._connection, None
        if connection is not None:
            connection.close()
