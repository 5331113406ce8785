"""The words of the object cache's protocol: docs/object-cache.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from flamepy._names.public import public

if TYPE_CHECKING:
    import pyarrow

#: Keys and values of the metadata of schemas.
CACHE_FORMAT_METADATA_KEY = b"flame.cache.format"
CACHE_VERSION_METADATA_KEY = b"flame.cache.version"
CACHE_LOGICAL_TYPE_METADATA_KEY = b"flame.cache.logical_type"
CACHE_FORMAT_OPAQUE = b"opaque-v1"
CACHE_FORMAT_ARROW_TABLE = b"arrow-table-v1"

#: Python types that an object came in as, and comes out as.
LOGICAL_TYPE_PYARROW_TABLE = "pyarrow.table"
LOGICAL_TYPE_PYARROW_RECORD_BATCH = "pyarrow.record_batch"
LOGICAL_TYPE_PANDAS_DATAFRAME = "pandas.dataframe"
LOGICAL_TYPE_POLARS_DATAFRAME = "polars.dataframe"
LOGICAL_TYPE_DATASET = "dataset"

#: Columns of requests and answers.
OBJECT_FIELD_VERSION = "version"
OBJECT_FIELD_DATA = "data"
OBJECT_RESPONSE_FIELD_KIND = "kind"

#: Options of channels to object caches: sizes of messages are not limited.
GRPC_OPTIONS = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]


@public("flamepy.core.cache")
class FetchMode(StrEnum):
    """What an answer of the cache holds: the whole object, or the patches that were missing."""

    FULL = "full"
    PATCHES = "patches"


@public("flamepy.core.cache")
class ObjectResponseKind(StrEnum):
    """What a row of an answer is."""

    BASE = "base"
    PATCH = "patch"


@public("flamepy.core.cache")
@dataclass
class Patch:
    """Something that was appended to an object, and the object's version since then."""

    version: int
    data: Any


@public("flamepy.core.cache")
@dataclass
class Object:
    """An object that a client has fetched.

    Attributes:
        version: the newest version that it has all of.
        data: what was put.
        patches: what was appended since, in the order of their versions.
        materialized: what deserializers made of it, by deserializer.
    """

    version: int
    data: Any
    patches: list[Patch] = field(default_factory=list)
    materialized: dict[Any, Any] = field(default_factory=dict)


@public("flamepy.core.cache")
@dataclass
class FetchResult:
    """An answer of the cache.

    Attributes:
        mode: whether ``base`` is there.
        version: version of the object with these patches.
        base: what was put; None in an answer of patches alone.
        patches: in the order of their versions.
    """

    mode: FetchMode
    version: int
    base: Any = None
    patches: list[Patch] = field(default_factory=list)


@public("flamepy.core.cache")
@dataclass
class CachePayload:
    """What is sent to the cache to put an object.

    Attributes:
        schema: two columns, ``version`` and ``data``, or that of the table.
        batches: the rows.
        native_arrow: whether the object is kept as the table that it is.
    """

    schema: pyarrow.Schema
    batches: list[pyarrow.RecordBatch]
    native_arrow: bool
