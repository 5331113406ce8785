import importlib
import sys
from pathlib import Path

import pytest

from flamepy._site import AppSite


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
