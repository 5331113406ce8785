"""Objects in the cache, and the calls to it (docs/object-cache.md).

Its functions stand here, too: where a function of a user's calls ``get_object``, flamepy 0.7.0
pickles that as ``flamepy._objects.get_object``. Later ones name ``flamepy.core.cache``, as they
should.
"""

from flamepy._names.lazy import lazily as _lazily

__getattr__, __dir__ = _lazily(
    __name__,
    {
        "flamepy._objects.objects": (
            "delete_objects",
            "download_object",
            "get_object",
            "patch_object",
            "put_object",
            "update_object",
            "upload_object",
        ),
    },
)
