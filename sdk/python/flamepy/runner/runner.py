"""The Runner: ships a folder of Python as an application and calls what is in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Any

from flamepy._client.config import FlameContext
from flamepy._client.functions import (
    get_application,
    open_session,
    register_application,
    unregister_application,
)
from flamepy._model.errors import FlameError, FlameErrorCode
from flamepy._model.types import (
    Application,
    ApplicationAttributes,
    ResourceRequirement,
    SessionAttributes,
)
from flamepy._names.short import short_name
from flamepy._objects.keys import ObjectKey
from flamepy._objects.objects import ObjectRef, delete_objects, get_object, put_object
from flamepy.runner._archive import remove_archive, write_archive
from flamepy.runner._object_future import ObjectFuture, ObjectFutureIterator
from flamepy.runner._runner_service import RunnerService
from flamepy.runner.storage import StorageBackend, create_storage_backend
from flamepy.runner.types import RunnerContext, RunnerRequest, SessionContext

__all__ = [
    "ApplicationAttributes",
    "FlameContext",
    "FlameError",
    "FlameErrorCode",
    "ObjectFuture",
    "ObjectFutureIterator",
    "ObjectRef",
    "ResourceRequirement",
    "Runner",
    "RunnerContext",
    "RunnerRequest",
    "RunnerService",
    "SessionAttributes",
    "SessionContext",
    "StorageBackend",
    "create_storage_backend",
    "get_application",
    "get_object",
    "open_session",
    "put_object",
    "register_application",
    "short_name",
    "unregister_application",
]

_PYTHON_VERSION = "FLAME_PYTHON_VERSION"
_log = logging.getLogger("flamepy.runner")


class Runner:
    """An application made of the current folder, and services that call objects in it.

    It starts when it is made: the folder is packed and uploaded, and an application registered
    that is like the template (``flmrun``, unless ``runner.template`` of the configuration says
    otherwise) and has the package. ``close``, or the end of a ``with`` block, takes all that away
    again.

    When an application of that name exists already, it is used as it is and stays: a task may make
    the Runner of its own application anew and call further services. Closing then ends the sessions
    that this Runner made under ids of its own, and nothing else.

    Args:
        name: name of the application.
        fail_if_exists: whether an application of that name is an error.
        dependencies: requirements as pip takes them, for a folder without pyproject.toml, setup.py
            and setup.cfg; others name theirs.
        python_version: such as ``3.12``; None for the newest that the node has flamepy for.

    Raises:
        FlameError: ALREADY_EXISTS, NOT_FOUND for the template, or something could not be packed,
            uploaded or registered; what was made until then is removed.
    """

    def __init__(
        self,
        name: str,
        fail_if_exists: bool = False,
        dependencies: Sequence[str] | None = None,
        python_version: str | None = None,
    ) -> None:
        self._name = name
        self._fail_if_exists = fail_if_exists
        self._dependencies = dependencies
        self._python_version = python_version
        self._context = FlameContext()
        self._services: list[RunnerService] = []
        self._storage_backend: StorageBackend | None = None
        self._package_path: str | None = None
        self._app_registered = False
        self._started = False
        self._start()

    def __repr__(self) -> str:
        return f"Runner({self._name!r}, {'started' if self._started else 'closed'})"

    def __enter__(self) -> Runner:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def service(
        self,
        execution_object: Any,
        autoscale: bool | None = None,
        warmup: int = 0,
        resreq: ResourceRequirement | None = None,
    ) -> RunnerService:
        """Return a service that calls an object; see :class:`RunnerService`."""
        service = RunnerService(self._name, execution_object, autoscale, warmup, resreq)
        self._services.append(service)
        return service

    def get(self, futures: Sequence[ObjectFuture]) -> list[Any]:
        """Wait for calls and return their values, in the order of ``futures``."""
        return [future.get() for future in futures]

    def ref(self, futures: Sequence[ObjectFuture]) -> list[ObjectRef]:
        """Wait for calls and return references to their values, in the order of ``futures``."""
        return [future.ref() for future in futures]

    def wait(self, futures: Sequence[ObjectFuture]) -> None:
        """Wait for calls to end; the first in the order of ``futures`` that failed is raised."""
        for future in futures:
            future.wait()

    def select(self, futures: Sequence[ObjectFuture]) -> ObjectFutureIterator:
        """Return an iterator over results in the order in which their calls end."""
        return ObjectFutureIterator(futures)

    def put_object(self, obj: Any, *, durable: bool = True) -> ObjectRef:
        """Put a value into the object cache for all services; it goes with the Runner.

        With ``durable=False`` a power cut may take it, as :func:`flamepy.put_object` says.

        Raises:
            TypeError: the value cannot be pickled; the text names the part of it.
            FlameError: the cache cannot be reached, or refuses.
        """
        return put_object(ObjectKey.for_shared(self._name).to_prefix(), obj, durable=durable)

    def close(self) -> None:
        """Close the services, and remove application, package and objects. What fails is logged."""
        if not self._started:
            return
        self._started = False
        for service in self._services:
            if self._app_registered or not service._shared:
                _try(f"close {service!r}", service.close)
        self._services = []
        if self._app_registered:
            self._app_registered = False
            _try("unregister the application", lambda: unregister_application(self._name))
            everything = ObjectKey.for_all_sessions(self._name).to_prefix()
            _try("delete the objects of the application", lambda: delete_objects(everything))
            self._remove_package()

    def _start(self) -> None:
        if self._started:
            return
        if get_application(self._name) is not None:
            if self._fail_if_exists:
                raise FlameError(
                    FlameErrorCode.ALREADY_EXISTS,
                    f"Application {self._name!r} already exists. "
                    "Set fail_if_exists=False to use it as it is.",
                )
        else:
            self._register()
        self._started = True

    def _register(self) -> None:
        """Make the package and the application; on failure neither is left."""
        template = self._template()
        package = self._context.package
        self._storage_backend = create_storage_backend(
            package.storage if package else None, self._name
        )
        try:
            archive = write_archive(
                Path.cwd(),
                self._name,
                self._dependencies or (),
                package.excludes if package else (),
            )
            self._package_path = str(archive)
            url = self._storage_backend.upload(self._package_path, archive.name)
            register_application(self._name, self._attributes(template, url))
        except BaseException:
            self._remove_package()
            raise
        self._app_registered = True

    def _template(self) -> Application:
        name = self._context.runner.template or ""
        template = get_application(name)
        if template is None:
            raise FlameError(
                FlameErrorCode.NOT_FOUND,
                f"Failed to get application template {name!r}: no such application is registered; "
                "register it, or set runner.template of the configuration",
            )
        return template

    def _attributes(self, template: Application, url: str) -> ApplicationAttributes:
        attributes = ApplicationAttributes(
            **{field.name: getattr(template, field.name) for field in fields(ApplicationAttributes)}
        )
        attributes.description = f"Runner application: {self._name}"
        attributes.url = url
        attributes.environments = dict(template.environments or {})
        if self._python_version:
            attributes.environments[_PYTHON_VERSION] = self._python_version
        if template.working_directory:
            attributes.working_directory = f"{template.working_directory}/{self._name}"
        else:
            attributes.working_directory = None
        return attributes

    def _remove_package(self) -> None:
        if self._package_path is None or self._storage_backend is None:
            return
        archive, backend = Path(self._package_path), self._storage_backend
        self._package_path = None
        _try("delete the package", lambda: backend.delete(archive.name))
        _try("delete the archive", lambda: remove_archive(archive))


def _try(what: str, action: Callable[[], None]) -> None:
    try:
        action()
    except Exception as error:  # The other steps are worth doing all the same.
        _log.error("cannot %s: %s", what, error)
