"""Short random names, and names that are a custom."""

import secrets
import string

from flamepy._names.public import public

#: Where a session stands in the keys of objects, for packages of applications.
PACKAGES_SESSION = "pkg"

_ALPHABET = string.ascii_letters + string.digits


@public("flamepy.util")
def short_name(prefix: str, length: int = 6) -> str:
    """Return ``<prefix>-<length random letters and digits>``.

    Args:
        prefix: what the name begins with.
        length: number of random characters.
    """
    return f"{prefix}-{''.join(secrets.choice(_ALPHABET) for _ in range(length))}"
