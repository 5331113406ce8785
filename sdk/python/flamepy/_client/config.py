"""Where the cluster and the object cache are: ``~/.flame/flame.yaml`` and the environment.

Both are optional: without them everything points at a cluster on this machine.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._names.public import public

DEFAULT_FLAME_CONF = "flame.yaml"
DEFAULT_FLAME_ENDPOINT = "http://127.0.0.1:8080"
DEFAULT_FLAME_CACHE_ENDPOINT = "grpc://127.0.0.1:9090"
DEFAULT_FLAME_RUNNER_TEMPLATE = "flmrun"

_VARIABLES = (
    "FLAME_ENDPOINT",
    "FLAME_CACHE_ENDPOINT",
    "FLAME_CACHE_STORAGE",
    "FLAME_CA_FILE",
    "FLAME_CERT_FILE",
    "FLAME_KEY_FILE",
    "FLAME_TOKEN_FILE",
)
_KEYS: dict[str, tuple[str, ...]] = {
    "": ("current-context", "contexts"),
    "context": ("name", "cluster", "cache", "package", "runner"),
    "cluster": ("endpoint", "tls", "token_file"),
    "cache": ("endpoint", "tls", "token_file", "storage"),
    "package": ("storage", "excludes"),
    "runner": ("template",),
    "tls": ("ca_file", "cert_file", "key_file"),
}


_EXCLUDES = (".venv", "__pycache__", ".gitignore", "*.pyc")


@public("flamepy.core.types")
@dataclass
class FlameClientTls:
    """Whom a client trusts, and how it shows who it is.

    Attributes:
        ca_file: authorities to trust; without it the system's are used.
        cert_file: the client's own certificate, for a cluster that asks for one.
        key_file: the key of ``cert_file``.
        token_file: its first line is sent as a token, to a cluster that asks for one; works
            without TLS as well.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    token_file: str | None = None


@public("flamepy.core.types")
@dataclass
class FlameClientCache:
    """The object cache of a context.

    Attributes:
        endpoint: ``grpc://host:port`` or ``grpcs://host:port``; None means the default.
        tls: trust roots.
        storage: accepted for the published configuration; objects always go through the cache
            server, which keeps their versions right.
    """

    endpoint: str | None = None
    tls: FlameClientTls | None = None
    storage: str | None = None


@public("flamepy.core.types")
@dataclass
class FlamePackage:
    """How the Runner ships a folder as a package.

    Attributes:
        storage: where to: a ``file://``, ``http(s)://`` or ``grpc(s)://`` URL; None means the
            object cache.
        excludes: patterns (fnmatch) of names and paths that are left out, beside those that the
            Runner always leaves out; default ``.venv``, ``__pycache__``, ``.gitignore``, ``*.pyc``.
    """

    storage: str | None
    excludes: list[str] = field(default_factory=lambda: list(_EXCLUDES))


@public("flamepy.core.types")
@dataclass
class FlameContextRunner:
    """Settings of the Runner."""

    template: str | None = None


@public("flamepy.core.types")
@dataclass
class FlameClusterConfig:
    """Where the session manager is."""

    endpoint: str = ""
    tls: FlameClientTls | None = None


@public("flamepy.core.types")
class FlameContext:
    """The configuration of this process: the current context of the file, then the environment.

    ``~/.flame/flame.yaml`` is optional. ``FLAME_ENDPOINT``, ``FLAME_CACHE_ENDPOINT`` and
    ``FLAME_CACHE_STORAGE`` win over it; ``FLAME_CA_FILE``,
    ``FLAME_CERT_FILE`` with ``FLAME_KEY_FILE``, and ``FLAME_TOKEN_FILE`` fill what it leaves unset.

    Raises:
        FlameError: INVALID_CONFIG, when the file cannot be read, has an unknown key or names no
            usable context.
    """

    def __init__(self) -> None:
        context = _read_context(_config_file())
        cluster = _section(context, "cluster")
        cache = _section(context, "cache")
        package = _section(context, "package")
        self._cluster = FlameClusterConfig(cluster.get("endpoint") or "", _tls(cluster))
        self._cache = FlameClientCache(cache.get("endpoint"), _tls(cache), cache.get("storage"))
        self._package = _package(package) if package else None
        self._runner = FlameContextRunner(_section(context, "runner").get("template"))
        self._apply_environment()

    def _apply_environment(self) -> None:
        environment = {name: value for name in _VARIABLES if (value := os.environ.get(name))}
        self._cluster.endpoint = environment.get("FLAME_ENDPOINT", self._cluster.endpoint)
        self._cache.endpoint = environment.get("FLAME_CACHE_ENDPOINT", self._cache.endpoint)
        self._cache.storage = environment.get("FLAME_CACHE_STORAGE", self._cache.storage)
        cluster_token = self._cluster.tls.token_file if self._cluster.tls else None
        self._cluster.tls = _filled(self._cluster.tls, environment, None)
        self._cache.tls = _filled(self._cache.tls, environment, cluster_token)

    @property
    def endpoint(self) -> str:
        """Address of the session manager; default ``http://127.0.0.1:8080``."""
        return self._cluster.endpoint or DEFAULT_FLAME_ENDPOINT

    @property
    def tls(self) -> FlameClientTls | None:
        """Trust roots for the session manager; None for the system's."""
        return self._cluster.tls

    @property
    def cache(self) -> FlameClientCache:
        """The object cache."""
        return self._cache

    @property
    def cache_endpoint(self) -> str:
        """Address of the object cache; default ``grpc://127.0.0.1:9090``."""
        return self._cache.endpoint or DEFAULT_FLAME_CACHE_ENDPOINT

    @property
    def cache_tls(self) -> FlameClientTls | None:
        """Trust roots for the object cache; None for the system's."""
        return self._cache.tls

    @property
    def package(self) -> FlamePackage | None:
        """Settings of package uploads; None when the file has none."""
        return self._package

    @property
    def runner(self) -> FlameContextRunner:
        """Settings of the Runner; the default template is ``flmrun``."""
        return FlameContextRunner(self._runner.template or DEFAULT_FLAME_RUNNER_TEMPLATE)


_current: tuple[tuple[object, ...], FlameContext] | None = None
_current_lock = threading.Lock()


def current_context() -> FlameContext:
    """Return the configuration, read anew only when file or environment changed."""
    global _current
    # Not as a Path: this is asked with each call.
    file = os.path.join(os.path.expanduser("~"), ".flame", DEFAULT_FLAME_CONF)
    try:
        stamp: float = os.stat(file).st_mtime
    except OSError:
        stamp = 0.0
    state = (file, stamp, *(os.environ.get(name) for name in _VARIABLES))
    with _current_lock:
        if _current is None or _current[0] != state:
            _current = (state, FlameContext())
        return _current[1]


def _config_file() -> Path:
    return Path(os.path.expanduser("~")) / ".flame" / DEFAULT_FLAME_CONF


def _read_context(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _invalid(f"cannot read {file}: {error}") from error
    import yaml  # A service on a node has no such file, and starts without it.

    try:
        document = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise _invalid(f"{file} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise _invalid(f"{file}: expected a mapping with current-context and contexts")
    _refuse_unknown(file, "", document)
    name = document.get("current-context")
    if not name:
        raise _invalid(f"{file}: current-context is missing; name one of the contexts in it")
    contexts = document.get("contexts") or []
    for context in contexts if isinstance(contexts, list) else []:
        if isinstance(context, dict) and context.get("name") == name:
            _refuse_unknown(file, "context", context)
            return context
    raise _invalid(f"{file}: current-context is {name!r}, but no context has that name")


def _section(parent: dict[str, Any], name: str) -> dict[str, Any]:
    value = parent.get(name) or {}
    if not isinstance(value, dict):
        raise _invalid(f"{_config_file()}: {name} should be a mapping, got {value!r}")
    return value


def _package(section: dict[str, Any]) -> FlamePackage:
    excludes = section.get("excludes") or []
    if not isinstance(excludes, list) or not all(isinstance(each, str) for each in excludes):
        raise _invalid(
            f"{_config_file()}: excludes of package should be a list of patterns, got {excludes!r}"
        )
    return FlamePackage(section.get("storage"), list(dict.fromkeys((*_EXCLUDES, *excludes))))


def _tls(parent: dict[str, Any]) -> FlameClientTls | None:
    tls = _section(parent, "tls")
    if bool(tls.get("cert_file")) != bool(tls.get("key_file")):
        raise _invalid(f"{_config_file()}: tls has one of cert_file and key_file, it takes both")
    return _or_none(
        FlameClientTls(
            _path(tls.get("ca_file")),
            _path(tls.get("cert_file")),
            _path(tls.get("key_file")),
            _path(parent.get("token_file")),
        )
    )


def _path(written: str | None) -> str | None:
    """Relative paths are relative to the file that they stand in."""
    return str(_config_file().parent / written) if written else None


def _filled(
    tls: FlameClientTls | None, environment: dict[str, str], token_file: str | None
) -> FlameClientTls | None:
    tls = tls or FlameClientTls()
    own = tls.cert_file is not None
    return _or_none(
        FlameClientTls(
            tls.ca_file or environment.get("FLAME_CA_FILE"),
            tls.cert_file if own else environment.get("FLAME_CERT_FILE"),
            tls.key_file if own else environment.get("FLAME_KEY_FILE"),
            tls.token_file or token_file or environment.get("FLAME_TOKEN_FILE"),
        )
    )


def _or_none(tls: FlameClientTls) -> FlameClientTls | None:
    return None if tls == FlameClientTls() else tls


def _refuse_unknown(file: Path, where: str, mapping: dict[str, Any]) -> None:
    """A mistyped key would go on with the default of the one that was meant."""
    known = _KEYS[where]
    for key, value in mapping.items():
        if key not in known:
            import difflib  # Only for mistakes.

            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            place = where or "the file"
            expected = ", ".join(known)
            raise _invalid(
                f"{file}: got the unknown key {key!r} in {place}, expected one of {expected}{hint}"
            )
        if key in _KEYS and isinstance(value, dict):
            _refuse_unknown(file, key, value)


def _invalid(message: str) -> FlameError:
    return FlameError(FlameErrorCode.INVALID_CONFIG, message)
