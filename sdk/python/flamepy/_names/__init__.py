"""Under which names things are known: public module paths, lazy imports, the version, short names.

``short_name`` stands here, too: flamepy 0.7.0 pickles it as ``flamepy._names.short_name``.
"""

from flamepy._names.short import short_name as short_name
