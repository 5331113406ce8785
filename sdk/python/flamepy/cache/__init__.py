"""The object cache: large values that sessions share."""

from flamepy._objects.objects import (
    ObjectRef,
    delete_objects,
    get_object,
    patch_object,
    put_object,
    update_object,
)

__all__ = [
    "ObjectRef",
    "delete_objects",
    "get_object",
    "patch_object",
    "put_object",
    "update_object",
]
