"""Which services read our frames (docs/flmrun.md, 8.4)."""

from __future__ import annotations

from collections.abc import Callable

from flamepy._objects.bson import decode_ref
from flamepy._values.envelope import is_envelope


def services_read_frames(common_data: bytes | None, cluster_reads: Callable[[], bool]) -> bool:
    """Return whether the services of a session read our requests.

    Args:
        common_data: what it was made with.
        cluster_reads: says whether services of the cluster do.

    Raises:
        FlameError: of ``cluster_reads``.
    """
    if common_data is not None and is_envelope(common_data):
        return True
    # What the published services are given may run on their nodes, whatever others there are.
    return not is_reference(common_data) and cluster_reads()


def is_reference(data: bytes | None) -> bool:
    """Return whether these bytes are a reference to an object."""
    if data is None:
        return False
    try:
        decode_ref(data)
    except ValueError:
        return False
    return True
