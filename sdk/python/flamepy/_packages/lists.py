"""Lists of packages: what a client names becomes what nodes can install."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._packages.urls import ListedUrl, listed_url, listed_url_fault

#: More entries no list has, as the session manager says, and no entry more characters.
_ENTRIES_MAX = 256
_CHARS_MAX = 4096
_CHARS_SHOWN = 200
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSIONS = r"(?:===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+"
_LIST = rf"{_VERSIONS}(?:\s*,\s*{_VERSIONS})*"
_REQUIREMENT = re.compile(
    rf"{_NAME}\s*(?:\[\s*(?:{_NAME}(?:\s*,\s*{_NAME})*)?\s*\])?\s*"
    rf"(?:{_LIST}|\(\s*{_LIST}\s*\))?\s*(?:;.*)?"
)
_ARCHIVES = (".tar.gz", ".tgz", ".zip")
_PROJECT_FILES = ("pyproject.toml", "setup.py")
_INCLUDE = re.compile(r"(?:-r|--requirement)[\s=]+(.+)")
_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]+(.+)")


@dataclass(frozen=True)
class LocalPackage:
    """A project, wheel or archive of this machine."""

    path: Path

    @property
    def is_project(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()


def read_packages(packages: Sequence[str]) -> list[str | LocalPackage]:
    """Return what a list of packages names: requirements and urls as they are, and what lies here.

    Nothing is sent for it.

    Raises:
        TypeError: it is no list of texts.
        FlameError: INVALID_ARGUMENT, naming the entry, what was expected and what to do.
    """
    if isinstance(packages, str) or not isinstance(packages, Sequence):
        raise TypeError(
            f"packages should be a list of texts, got {packages!r}; "
            'write packages=["numpy>=2", "./my-project"]'
        )
    found: dict[str | LocalPackage, None] = {}
    for at, entry in enumerate(packages):
        if not isinstance(entry, str):
            raise TypeError(f"packages[{at}] should be a text, got {entry!r}")
        try:
            for one in _read(entry.strip(), f"packages[{at}]", Path()):
                found[one] = None
        except (OSError, RuntimeError, ValueError) as error:  # Of a url, a user's home, a path.
            raise _wrong(f"packages[{at}]: {entry[:_CHARS_SHOWN]!r}: {error}") from error
    if len(found) > _ENTRIES_MAX:
        raise _wrong(f"packages: got {len(found)} entries, expected at most {_ENTRIES_MAX}")
    return list(found)


def _read(entry: str, where: str, folder: Path) -> Iterator[str | LocalPackage]:
    if not entry:
        raise _wrong(f"{where} is empty: expected a requirement such as numpy>=2, a path or a url")
    url = listed_url(entry)
    if url is not None:
        yield from _read_url(entry, url, where)
    elif _is_path(entry):
        yield from _local(folder / Path(entry).expanduser(), entry, where)
    elif _REQUIREMENT.fullmatch(entry) is None:
        raise _wrong(
            f"{where}: {entry!r} is no requirement: expected one such as numpy>=2 or "
            "pandas[parquet]==2.*, the path of a project, wheel or requirements file "
            "(./my-project), or a url"
        )
    else:
        yield _checked(entry, where)


def _read_url(entry: str, url: ListedUrl, where: str) -> Iterator[str | LocalPackage]:
    scheme = "" if url.has_name or url.scheme is None else url.scheme.lower()
    if scheme == "file":
        yield from _local(Path(unquote(urlsplit(entry).path)), entry, where)
        return
    fault = None
    if scheme not in ("grpc", "grpcs"):  # The session manager reads those of uploads.
        fault = listed_url_fault(url)
    _checked(entry, where)
    if fault is not None:
        raise _expected(entry, where, fault)
    yield entry


def _is_path(entry: str) -> bool:
    begins = entry.startswith((".", "/", "~"))
    ends = entry.endswith((".whl", ".txt", *_ARCHIVES))
    return begins or ends or "/" in entry.split(";")[0]


def _checked(entry: str, where: str) -> str:
    if len(entry) > _CHARS_MAX:
        raise _expected(entry, where, f"at most {_CHARS_MAX} characters")
    if re.search(r"[\x00-\x1f\x7f]", entry):
        raise _expected(entry, where, "one line without control characters")
    if "$" in entry:
        raise _expected(entry, where, "no '$': variables are not expanded")
    return entry


def _expected(entry: str, where: str, expected: str) -> FlameError:
    """Return the error of an entry, in the words of the session manager."""
    got = json.dumps(entry[:_CHARS_SHOWN], ensure_ascii=False)
    return _wrong(f"{where}: got {got}, expected {expected}")


def _local(path: Path, entry: str, where: str) -> Iterator[str | LocalPackage]:
    named = f"{where}: {entry!r}"
    if not path.exists():
        raise _wrong(f"{named}: there is no {path.absolute()}")
    path = path.resolve()
    if path.is_dir():
        if not any((path / name).is_file() for name in _PROJECT_FILES):
            raise _wrong(
                f"{named} is no project: {path} has no {' or '.join(_PROJECT_FILES)}; "
                "functions of modules there travel by themselves"
            )
        yield LocalPackage(path)
    elif path.name.endswith(".txt"):
        yield from _requirements(path, where)
    elif path.name.endswith((".whl", *_ARCHIVES)):
        yield LocalPackage(path)
    else:
        raise _wrong(
            f"{named}: expected a project's folder, a wheel (.whl), an archive "
            f"({', '.join(_ARCHIVES)}) or a requirements file (.txt)"
        )


def _requirements(
    path: Path, where: str, seen: tuple[Path, ...] = ()
) -> Iterator[str | LocalPackage]:
    if path in seen:
        raise _wrong(f"{where}: {path} includes itself")
    try:
        # The empty line ends one that the last line of the file goes on with.
        lines = [*path.read_text(encoding="utf-8-sig").splitlines(), ""]
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"{where}: cannot read {path}: {error}") from error
    joined = ""
    for number, line in enumerate(lines, 1):
        joined += re.sub(r"(^|\s)#.*$", "", line).strip()
        if joined.endswith("\\"):
            joined = joined[:-1].rstrip() + " "
            continue
        entry, joined = joined.strip(), ""
        place = f"{path}:{number}"
        included, editable = _INCLUDE.fullmatch(entry), _EDITABLE.fullmatch(entry)
        if included:
            inner = (path.parent / included[1].strip()).resolve()
            yield from _requirements(inner, place, (*seen, path))
        elif editable:
            yield from _local(path.parent / editable[1].strip(), editable[1].strip(), place)
        elif entry.startswith("-") or " --" in entry:
            raise _wrong(
                f"{place}: {entry!r}: options are not taken but -r and -e; indexes and wheel "
                "houses are those of the nodes, and hashes are not checked there"
            )
        elif entry:
            yield from _read(entry, place, path.parent)


def _wrong(text: str) -> FlameError:
    return FlameError(FlameErrorCode.INVALID_ARGUMENT, text)
