"""Lists of packages on a whole cluster: what a client names, tasks can import."""

from __future__ import annotations

import subprocess
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import flamepy
from tests.support.real_cluster import RealCluster


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with RealCluster(tmp_path_factory.mktemp("flame")) as running:
        yield running


@pytest.fixture
def cluster(started: RealCluster, monkeypatch: pytest.MonkeyPatch) -> RealCluster:
    for name, value in started.client_environment.items():
        monkeypatch.setenv(name, value)
    return started


def wheel(folder: Path, name: str, version: str, requires: tuple[str, ...] = ()) -> Path:
    """Write a wheel with one module, which says its version."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {each}\n" for each in requires)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        file.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        )
        file.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(f"{info}/RECORD", "")
    return path


def project(folder: Path, name: str, requires: str = "") -> Path:
    """Write a project whose build needs nothing that a node does not have."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("WHERE = __file__\n")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = [{requires}]\n'
        f'[tool.setuptools]\npackages = ["{name}"]\n'
    )
    return folder


def imported(name: str) -> str:
    import importlib

    return str(importlib.import_module(name).__file__)


def version_of(name: str) -> str:
    import importlib

    return str(importlib.import_module(name).VERSION)


def environments(cluster: RealCluster) -> list[Path]:
    return sorted((cluster.home / "data" / "packages").glob("list*"))


def test_a_wheel_of_this_machine_travels_and_its_environment_is_shared_and_kept(
    cluster: RealCluster, tmp_path: Path
) -> None:
    path = wheel(tmp_path, "shipped_a", "1.5")
    before = environments(cluster)

    def ask(_: int) -> str:
        with flamepy.create_session("flmrun", version_of, packages=[str(path)]) as session:
            return str(session("shipped_a"))

    with ThreadPoolExecutor(2) as threads:  # Two sessions at once.
        assert list(threads.map(ask, range(2))) == ["1.5", "1.5"]
    (made,) = set(environments(cluster)) - set(before)
    built = made.stat().st_ctime_ns
    inode = (made / "deps").stat().st_ino
    cluster.restart("flame-executor-manager")
    assert ask(0) == "1.5"
    assert (made / "deps").stat().st_ino == inode  # Not built anew.
    assert made.stat().st_ctime_ns >= built


def test_requirements_are_resolved_and_locked_once(cluster: RealCluster) -> None:
    with flamepy.Executor(packages=["packaging", "wheel>=0.40"]) as executor:
        assert "list" in executor.submit(imported, "packaging").result(60)
        assert "list" in executor.submit(imported, "wheel").result(60)
    started = time.monotonic()
    with flamepy.Executor(packages=["packaging", "wheel>=0.40"]) as executor:
        executor.submit(imported, "packaging").result(60)
    assert time.monotonic() - started < 10


def test_without_the_list_the_module_is_not_there(cluster: RealCluster) -> None:
    with flamepy.Executor() as executor, pytest.raises(ModuleNotFoundError):
        executor.submit(imported, "wheel").result(60)


def test_what_cannot_be_resolved_fails_the_tasks_with_the_words_of_the_resolver(
    cluster: RealCluster,
) -> None:
    started = time.monotonic()
    with flamepy.create_session(
        "flmrun", imported, packages=["flame-has-no-such-package>1"]
    ) as session:
        with pytest.raises(flamepy.RemoteTaskError) as caught:
            session("packaging")
        text = str(caught.value)
        assert "flame-has-no-such-package" in text and "uv pip compile" in text, text
        with pytest.raises(flamepy.RemoteTaskError):
            session("packaging")
    assert time.monotonic() - started < 30


def test_another_version_of_what_the_service_has_itself_is_a_conflict(
    cluster: RealCluster,
) -> None:
    with flamepy.create_session("flmrun", imported, packages=["cloudpickle<1"]) as session:
        with pytest.raises(flamepy.RemoteTaskError, match="flamepy and what it uses have"):
            session("cloudpickle")


def test_a_project_ships_the_files_that_git_tracks(
    cluster: RealCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wheel(tmp_path, "needed_b", "2.0")
    folder = project(tmp_path / "mine", "shipped_b")
    (folder / "secret.txt").write_text("not tracked")
    for command in (["init", "-q"], ["add", "pyproject.toml", "shipped_b"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    monkeypatch.chdir(folder)
    with flamepy.Executor(packages=["."]) as executor:
        assert "list" in executor.submit(imported, "shipped_b").result(120)
    assert "2 files that git tracks" in capsys.readouterr().err


def test_a_requirements_file_names_them_too(cluster: RealCluster, tmp_path: Path) -> None:
    wheel(tmp_path, "shipped_c", "3.1")
    listed = tmp_path / "requirements.txt"
    listed.write_text("# mine\n./shipped_c-3.1-py3-none-any.whl  # beside this file\n\npackaging\n")
    with flamepy.create_session("flmrun", version_of, packages=[str(listed)]) as session:
        assert session("shipped_c") == "3.1"


def test_an_application_has_packages_as_well(cluster: RealCluster, tmp_path: Path) -> None:
    mine = wheel(tmp_path, "of_the_application", "1.0")
    other = wheel(tmp_path, "of_the_session", "2.0")
    connection = flamepy.connect(cluster.endpoint)
    with connection:
        template = connection.get_application("flmrun")
        assert template is not None
        connection.register_application(
            "with-packages",
            flamepy.ApplicationAttributes(
                command=template.command,
                arguments=template.arguments,
                working_directory=template.working_directory,
                installer=template.installer,
                packages=[str(mine)],
            ),
        )
        known = connection.get_application("with-packages")
        assert known is not None and known.packages and known.packages[0].startswith("grpc://")
    with flamepy.create_session("with-packages", version_of, packages=[str(other)]) as session:
        assert session("of_the_application") == "1.0"
        assert session("of_the_session") == "2.0"
