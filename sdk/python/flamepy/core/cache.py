"""Objects in the cache, under the path that pickles name."""

from flamepy._client.config import FlameClientCache, FlameClientTls, FlameContext
from flamepy._objects import payloads
from flamepy._objects.cache_types import (
    CACHE_FORMAT_ARROW_TABLE,
    CACHE_FORMAT_METADATA_KEY,
    CACHE_FORMAT_OPAQUE,
    CACHE_LOGICAL_TYPE_METADATA_KEY,
    CACHE_VERSION_METADATA_KEY,
    GRPC_OPTIONS,
    LOGICAL_TYPE_DATASET,
    LOGICAL_TYPE_PANDAS_DATAFRAME,
    LOGICAL_TYPE_POLARS_DATAFRAME,
    LOGICAL_TYPE_PYARROW_RECORD_BATCH,
    LOGICAL_TYPE_PYARROW_TABLE,
    OBJECT_FIELD_DATA,
    OBJECT_FIELD_VERSION,
    OBJECT_RESPONSE_FIELD_KIND,
    CachePayload,
    FetchMode,
    FetchResult,
    Object,
    ObjectResponseKind,
    Patch,
)
from flamepy._objects.keys import WILDCARD_SESSION, ObjectKey
from flamepy._objects.objects import (
    Deserializer,
    ObjectRef,
    delete_objects,
    download_object,
    get_object,
    patch_object,
    put_object,
    update_object,
    upload_object,
)

__all__ = [
    "CACHE_FORMAT_ARROW_TABLE",
    "CACHE_FORMAT_METADATA_KEY",
    "CACHE_FORMAT_OPAQUE",
    "CACHE_LOGICAL_TYPE_METADATA_KEY",
    "CACHE_VERSION_METADATA_KEY",
    "GRPC_OPTIONS",
    "LOGICAL_TYPE_DATASET",
    "LOGICAL_TYPE_PANDAS_DATAFRAME",
    "LOGICAL_TYPE_POLARS_DATAFRAME",
    "LOGICAL_TYPE_PYARROW_RECORD_BATCH",
    "LOGICAL_TYPE_PYARROW_TABLE",
    "OBJECT_FIELD_DATA",
    "OBJECT_FIELD_VERSION",
    "OBJECT_RESPONSE_FIELD_KIND",
    "WILDCARD_SESSION",
    "CachePayload",
    "Deserializer",
    "FetchMode",
    "FetchResult",
    "FlameClientCache",
    "FlameClientTls",
    "FlameContext",
    "Object",
    "ObjectKey",
    "ObjectRef",
    "ObjectResponseKind",
    "Patch",
    "delete_objects",
    "download_object",
    "get_object",
    "patch_object",
    "put_object",
    "update_object",
    "upload_object",
]

# Names without a promise, which programs for flamepy 0.6.0 use all the same.
_serialize_object = payloads.serialize
_deserialize_object = payloads.deserialize
_serialize_object_data = payloads.serialize_data
_deserialize_object_data = payloads.deserialize_data
_prepare_cache_payload = payloads.payload_of
_fetch_object_data = payloads.fetch_values
