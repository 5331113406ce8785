"""Running scripts remotely, in a session of flmexec."""

from __future__ import annotations

from concurrent.futures import Future
from types import TracebackType

from flamepy._client.functions import create_session, open_session
from flamepy._model.errors import FlameError, FlameErrorCode, FlameValueError
from flamepy._sessions.session import Session
from flamepy.tools._future import OutputFuture
from flamepy.tools._script import SandboxAttr, SandboxOutput, normalized
from flamepy.tools._script import decode_attr as _decode_attr
from flamepy.tools._script import decode_output as _decode_output
from flamepy.tools._script import encode_attr as _encode_attr
from flamepy.tools._script import encode_script as _encode_script

__all__ = ["Sandbox", "SandboxAttr", "SandboxOutput"]

_APPLICATION = "flmexec"


class Sandbox:
    """Runs scripts on the executors of a session; made by :meth:`create` or :meth:`open`.

    ::

        with Sandbox.create(SandboxAttr(language="python")) as sandbox:
            print(sandbox.run_code("print(6 * 7)").text())

    Scripts run side by side, each in a folder of its own. As a context manager it is closed at the
    end. One that is not closed stays, and others may open it by its id.
    """

    def __init__(self, session: Session, attr: SandboxAttr) -> None:
        self._session: Session | None = session
        self._attr = attr

    def __repr__(self) -> str:
        state = "closed" if self._session is None else repr(self._session.id)
        return f"Sandbox({state}, {self._attr.language})"

    @classmethod
    def create(cls, attr: SandboxAttr) -> Sandbox:
        """Create a sandbox.

        Raises:
            FlameValueError: ``attr`` is no SandboxAttr, or its language is unknown.
            FlameError: the session cannot be created.
        """
        attr = normalized(attr)
        session = create_session(
            _APPLICATION,
            common_data=_encode_attr(attr),
            min_instances=attr.min_instances,
            max_instances=attr.max_instances,
            resreq=attr.resreq,
            keep=True,
        )
        return cls(session, attr)

    @classmethod
    def open(cls, sandbox_id: str) -> Sandbox:
        """Open a sandbox that somebody created.

        Raises:
            FlameError: NOT_FOUND, or it is closed; a FlameValueError when it is no sandbox.
        """
        session = open_session(sandbox_id)
        if session.application != _APPLICATION:
            raise FlameValueError(
                f"sandbox {sandbox_id!r} is no sandbox: it is a session of the application "
                f"{session.application!r}, expected {_APPLICATION!r}"
            )
        return cls(session, _decode_attr(session.common_data()))

    @property
    def attr(self) -> SandboxAttr:
        """What it was created with."""
        return self._attr

    @property
    def sandbox_id(self) -> str:
        """The id of its session.

        Raises:
            FlameError: INVALID_STATE, when it is closed.
        """
        return self._open_session().id

    def run_code(self, code: str, input: bytes | None = None) -> SandboxOutput:
        """Run a script and return what it printed.

        That it ends with another exit code than 0 is no error.

        Args:
            code: the script.
            input: what it reads from its standard input; None for nothing.

        Raises:
            FlameValueError: ``code`` is no text, or ``input`` no bytes.
            RemoteTaskError: the script could not be run.
            FlameError: INVALID_STATE, when the sandbox is closed.
        """
        session = self._open_session()
        return _decode_output(session.invoke(self._script(code, input)))

    def submit_code(self, code: str, input: bytes | None = None) -> Future[SandboxOutput]:
        """Run a script and return the future of what it prints at once; see :meth:`run_code`.

        ``cancel()`` of it cancels a script that has not begun.
        """
        session = self._open_session()
        return OutputFuture(session.run(self._script(code, input)), _decode_output)

    def close(self) -> None:
        """Close it: scripts that have not begun are cancelled, running ones waited for.

        A second time does nothing.
        """
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _script(self, code: str, input: bytes | None) -> bytes:
        return _encode_script(self._attr.language, self._attr.runtime, code, input)

    def _open_session(self) -> Session:
        if self._session is None:
            raise FlameError(FlameErrorCode.INVALID_STATE, "sandbox is closed")
        return self._session
