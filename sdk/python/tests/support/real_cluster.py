"""A whole cluster of real processes, as ``npm run set-up`` prepared their programs."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

_PREPARED = Path(__file__).parents[4] / ".flame"
_DAEMONS = ("flame-session-manager", "flame-object-cache", "flame-executor-manager")
_SHARED = ("bin", "lib", "sdk", "wheels", "work")
_OWN = ("conf", "data", "logs", "run", "tmp", "user")
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


class RealCluster:
    """Starts session manager, object cache and executor manager in a home of their own.

    Args:
        home: an empty folder.
        packages: what flmrun gets besides flamepy, in the versions that this Python has; with any
            its environment is this cluster's own.
    """

    def __init__(self, home: Path, packages: Sequence[str] = ()) -> None:
        self._home = home
        self._packages = packages
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        port = _free_ports(3)
        self.endpoint = f"http://127.0.0.1:{port}"
        self.cache_endpoint = f"grpc://127.0.0.1:{port + 2}"

    def __enter__(self) -> RealCluster:
        assert (_PREPARED / "bin").exists(), f"{_PREPARED} is not prepared: run npm run set-up"
        for name in _SHARED:
            if name != "work" or not self._packages:
                (self._home / name).symlink_to(_PREPARED / name)
        if self._packages:
            self._make_flmrun()
        for name in _OWN:
            (self._home / name).mkdir()
        config = {
            "cluster": {"name": "test", "endpoint": self.endpoint},
            "cache": {"endpoint": self.cache_endpoint},
        }
        self._config.write_text(json.dumps(config))  # JSON is YAML.
        try:
            for name in _DAEMONS:
                self.start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(_DAEMONS):
            self._end(name, signal.SIGTERM)

    @property
    def client_environment(self) -> dict[str, str]:
        """What a client needs to find the cluster."""
        return {"FLAME_ENDPOINT": self.endpoint, "FLAME_CACHE_ENDPOINT": self.cache_endpoint}

    def start(self, name: str) -> None:
        """Start a daemon, and wait until it serves."""
        log = self._home / "logs" / f"{name}.out"
        environment = {
            **self.client_environment,
            "PATH": os.environ["PATH"],
            "HOME": str(self._home / "user"),
            "TMPDIR": str(self._home / "tmp"),
            "FLAME_HOME": str(self._home),
        }
        with log.open("ab") as out:
            process = subprocess.Popen(
                [self._home / "bin" / name, "--config", self._config],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._running[name] = process
        deadline = time.monotonic() + _START_SECONDS
        while self._published(name) != process.pid:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{name} does not serve:\n{log.read_text()}")
            time.sleep(0.02)

    @property
    def home(self) -> Path:
        """Their FLAME_HOME."""
        return self._home

    def restart(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop a daemon, and start it again."""
        self._end(name, how)
        self.start(name)

    def kill_session_manager(self) -> None:
        """``kill -9``: no clean-up of its own."""
        self._end(_DAEMONS[0], signal.SIGKILL)

    def start_session_manager(self) -> None:
        """Start it again."""
        self.start(_DAEMONS[0])

    @property
    def _config(self) -> Path:
        return self._home / "conf" / "flame-cluster.yaml"

    def _make_flmrun(self) -> None:
        """Make flmrun's environment as set-up does, and install packages as a user does."""
        prepared, own = _PREPARED / "work/flmrun", self._home / "work/flmrun"
        own.mkdir(parents=True)
        for name in ("pyproject.toml", "uv.lock"):
            shutil.copy(prepared / name, own)
        python = str((prepared / ".venv/bin/python").resolve())
        uv = [str(_PREPARED / "bin/uv"), "--quiet", "--no-python-downloads"]
        links = ["--find-links", str(_PREPARED / "wheels")]
        wanted = [f"{name}=={metadata.version(name)}" for name in self._packages]
        for command in (
            [*uv, "sync", "--frozen", "--python", python, *links],
            [*uv, "pip", "install", "--python", ".venv/bin/python", *wanted],
        ):
            subprocess.run(command, cwd=own, check=True)

    def _published(self, name: str) -> int | None:
        """Return the process that says it serves in this home."""
        try:
            told = json.loads((self._home / "run" / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        return told.get("pid") if told.get("endpoint") else None

    def _end(self, name: str, how: signal.Signals) -> None:
        process = self._running.pop(name, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_ports(count: int) -> int:
    """Return the first of ``count`` ports that nobody listens on.

    Below the range from which Linux takes the ports of outgoing connections.
    """
    for _ in range(200):
        first = random.randrange(20_000, 32_000 - count)
        if all(_is_free(first + at) for at in range(count)):
            return first
    raise AssertionError("found no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
