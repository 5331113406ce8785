"""Objects in the cache, under the path that pickles name."""

from flamepy._keys import WILDCARD_SESSION, ObjectKey
from flamepy._objects import (
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
    "WILDCARD_SESSION",
    "ObjectKey",
    "ObjectRef",
    "delete_objects",
    "download_object",
    "get_object",
    "patch_object",
    "put_object",
    "update_object",
    "upload_object",
]
