import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flamepy._services.app_site import AppSite


def package(folder: Path, value: int) -> Path:
    folder.mkdir()
    (folder / "site_probe").mkdir()
    (folder / "site_probe" / "__init__.py").write_text(f"VALUE = {value}\n")
    extra = folder / "extra"
    extra.mkdir()
    (extra / "site_extra.py").write_text("VALUE = 0\n")
    (folder / "more.pth").write_text("extra\n")
    return folder


def test_a_package_is_importable_from_enter_to_leave(tmp_path: Path) -> None:
    before = list(sys.path)
    for value in (1, 2):
        site = AppSite([str(package(tmp_path / f"s{value}", value))])
        site.enter()
        assert importlib.import_module("site_probe").VALUE == value
        assert importlib.import_module("site_extra").VALUE == 0
        site.leave()
        assert sys.path == before
        assert not [path for path in sys.path_importer_cache if str(tmp_path) in path]
        for name in ("site_probe", "site_extra"):
            assert name not in sys.modules
            with pytest.raises(ModuleNotFoundError):
                importlib.import_module(name)


def test_a_list_of_packages_is_behind_the_package_from_enter_to_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, listed = package(tmp_path / "own", 1), package(tmp_path / "listed", 2)
    (listed / "site_listed.py").write_text("VALUE = 3\n")
    monkeypatch.setenv("PATH", "/usr/bin")
    for folders in ([str(own)], []):
        monkeypatch.delenv("FLAME_APP_SITE", raising=False)
        if folders:
            monkeypatch.setenv("FLAME_APP_SITE", str(own))
        before = dict(os.environ)
        site = AppSite(folders)
        site.enter([str(listed)])
        assert importlib.import_module("site_probe").VALUE == (1 if folders else 2)
        assert importlib.import_module("site_listed").VALUE == 3
        assert os.environ["FLAME_APP_SITE"] == os.pathsep.join([*folders, str(listed)])
        assert os.environ["PATH"] == f"{listed}/bin:/usr/bin"
        site.leave()
        assert dict(os.environ) == before
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("site_listed")


def test_what_the_environment_has_wins(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    (folder / "json").mkdir(parents=True)
    (folder / "json" / "__init__.py").write_text("raise AssertionError('taken from the package')")
    site = AppSite([str(folder)])
    site.enter()
    assert importlib.import_module("json").dumps({}) == "{}"
    site.leave()
    assert "json" in sys.modules


def test_the_folders_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert AppSite.from_environment().folders == []
    monkeypatch.setenv("FLAME_APP_SITE", "/a:/b::")
    assert AppSite.from_environment().folders == ["/a", "/b"]


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="FLAME_APP_SITE names /none"):
        AppSite(["/none"]).enter()
    with pytest.raises(FileNotFoundError, match="/none is no folder: the session's packages"):
        AppSite([]).enter(["/none"])


def child(code: str, *options: str) -> str:
    command = [sys.executable, *options, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_python_children_find_the_package_from_enter_to_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = package(tmp_path / "s", 7)
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import sys\nsys.own = 5\n")
    monkeypatch.setenv("FLAME_APP_SITE", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(own))
    site = AppSite.from_environment()
    site.enter()
    code = "import sys, site_probe, site_extra; print(site_probe.VALUE, sys.own, *sys.path)"
    value, kept, *path = child(code).split()
    assert (value, kept) == ("7", "5"), "and what the environment does at start is done as well"
    assert path[0] == str(own)
    assert path[-2:] == [str(folder), str(folder / "extra")]
    assert not [entry for entry in path if entry.endswith("_child_site")]
    assert child("import site_probe; print(site_probe.VALUE)", "-W", "error") == "7"
    site.leave()
    assert os.environ["PYTHONPATH"] == str(own)
    with pytest.raises(subprocess.CalledProcessError):
        child("import site_probe")


def test_python_children_keep_their_standard_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = package(tmp_path / "s", 7)
    (folder / "enum.py").write_text("raise SystemExit('taken from the package')\n")
    monkeypatch.setenv("FLAME_APP_SITE", str(folder))
    monkeypatch.delenv("PYTHONPATH", raising=False)
    site = AppSite.from_environment()
    site.enter()
    assert child("import enum, site_probe; print(site_probe.VALUE)") == "7"
    site.leave()
    assert "PYTHONPATH" not in os.environ
