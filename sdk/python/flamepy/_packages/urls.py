"""Urls in lists of packages that uv reads on nodes.

The session manager has the same rule in the same words, and test/fixtures/listed-urls.json of the
sources tests both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: ``NAME[EXTRAS] @ ...``, with blanks or without.
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\s*(?:\[[^\]]*\])?\s*@\s*(.*)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = r"(?:[^\s/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(?::[0-9]{1,5})?"
#: uv takes no archives of other kinds.
_WEB = re.compile(rf"https?://{_HOST}/[^\s?#]*\.(?:whl|tar\.gz|zip)(?:\?[^\s#]*)?(?:#\S*)?")
_HASH = re.compile(r"[#&]sha256=([^&]*)")
_GIT = ("git+https", "git+http", "git+ssh", "git+file")


@dataclass(frozen=True)
class ListedUrl:
    """An entry with a url.

    Attributes:
        scheme: as written; None for none, behind ``NAME @``.
        has_name: whether it is ``NAME @ URL``.
        url: the url alone.
        rest: what stands behind the url.
    """

    scheme: str | None
    has_name: bool
    url: str
    rest: str


def listed_url(entry: str) -> ListedUrl | None:
    """Return the url of an entry; None for a path, and for a requirement without one."""
    named = _NAMED.fullmatch(entry)
    if named is None and _SCHEME.match(entry) is None:
        return None
    url, _, rest = (entry if named is None else named[1]).partition(" ")
    scheme = _SCHEME.match(url)
    return ListedUrl(scheme[1] if scheme else None, named is not None, url, rest.strip())


def listed_url_fault(listed: ListedUrl) -> str | None:
    """Return what is expected in place of a url that uv does not take; None: nothing else."""
    scheme, url = listed.scheme, listed.url
    if scheme is None:
        return "a url behind the @, such as https://HOST/thing-1.0.tar.gz"
    if scheme not in ("https", "http", "file", *_GIT):
        if scheme.lower() in ("grpc", "grpcs"):  # Without a name it is no business of uv's.
            return "no name in front of the url of an upload"
        return (
            f"a url of https, http, file, {', '.join(_GIT)}, or grpc and grpcs for uploads, "
            "in small letters"
        )
    if listed.rest and not listed.rest.startswith(";"):
        return (
            "a url without blanks, and behind it at most a blank and a marker such as "
            "; python_version < '3.13'"
        )
    if not scheme.startswith("http"):
        return None
    if _WEB.fullmatch(url) is None:
        return f"a wheel (.whl) or an archive (.tar.gz, .zip) at {scheme}://HOST/PATH"
    sha256 = _HASH.search(url)
    if sha256 is None or re.fullmatch("[0-9a-fA-F]{64}", sha256[1]):
        return None
    return "#sha256= and the 64 hex digits of its content"
