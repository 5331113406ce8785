"""Services that tests run as processes: ``python services.py NAME``."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import flamepy
from flamepy import FlameService, SessionContext, TaskContext
from flamepy._services.runpy import FlameRunpyService
from flamepy.service import FlameInstance


class Recorder(FlameService):
    """Answers with what it was told."""

    def __init__(self) -> None:
        self.entered: dict[str, object] = {}

    def on_session_enter(self, context: SessionContext) -> bool:
        application = context.application
        self.entered = {**vars(application), "common_data": repr(context.common_data())}
        return False  # What is returned does not matter.

    def on_task_invoke(self, context: TaskContext) -> bytes | None:
        text = (context.input or b"").decode()
        if text == "none":
            return None
        if text == "fail":
            raise ValueError("as told")
        if text == "surrogate":
            raise ValueError("bad file name \udcff")
        if text == "exit":
            sys.exit(3)
        if text == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == "wrong":
            return "text"  # type: ignore[return-value]
        if text == "sleep":
            print("sleeping", file=sys.stderr, flush=True)
            time.sleep(60)
        return json.dumps({"task": context.task_id, "input": context.input is None}).encode()

    def on_session_leave(self) -> None:
        raise RuntimeError(json.dumps(self.entered))


class Threads(FlameService):
    """Tells in which threads it was called."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_session_enter(self, context: SessionContext) -> None:
        self.names.append(threading.current_thread().name)

    def on_task_invoke(self, context: TaskContext) -> None:
        self.names.append(threading.current_thread().name)

    def on_session_leave(self) -> None:
        self.names.append(threading.current_thread().name)
        raise RuntimeError(" ".join(self.names))


class Modules(FlameService):
    """Tells which packages it has loaded."""

    def on_task_invoke(self, context: TaskContext) -> bytes:
        return " ".join({name.partition(".")[0] for name in sys.modules}).encode()


class Writes(FlameService):
    """Prints more than a pipe takes."""

    def on_task_invoke(self, context: TaskContext) -> None:
        open(os.path.join(os.environ["HOME"], "writing"), "w").close()
        print("x" * 10_000_000)


class DiesAfterWriteBack(FlameRunpyService):
    """Ends between keeping the state and answering, once: the answer gets lost."""

    def _write_back(self, context: TaskContext, output: bytes) -> bytes:
        super()._write_back(context, output)
        marker = os.environ["TEST_MARKER"]
        if not os.path.exists(marker):
            open(marker, "w").close()
            os._exit(9)
        return output


def signal_often(frame: FrameType, event: str, _: object) -> None:
    """Send SIGTERM whenever a function of threading returns: some have just taken a lock."""
    if event == "return" and frame.f_code.co_filename == threading.__file__:
        if callable(signal.getsignal(signal.SIGTERM)):
            signal.raise_signal(signal.SIGTERM)


def signalled() -> FlameService:
    """A service whose main thread gets SIGTERM wherever that hurts."""
    sys.setprofile(signal_often)
    return Recorder()


def upper() -> FlameService:
    """A service of one function."""
    instance = FlameInstance()

    @instance.entrypoint
    def upper(text: str) -> str:
        return text.upper()

    return instance


if __name__ == "__main__":
    services: dict[str, Callable[[], FlameService]] = {
        "modules": Modules,
        "recorder": Recorder,
        "dies": DiesAfterWriteBack,
        "signalled": signalled,
        "threads": Threads,
        "upper": upper,
        "writes": Writes,
    }
    service = services[sys.argv[1]]()
    if isinstance(service, FlameInstance):
        service.run()
    else:
        flamepy.run(service)
