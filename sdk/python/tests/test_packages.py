"""Lists of packages: what a client makes of them before a session carries them."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

import flamepy
from flamepy import ObjectRef
from flamepy._objects import flight
from flamepy._objects.objects import get_cell
from flamepy._packages import uploads
from flamepy._packages.lists import LocalPackage, read_packages
from flamepy._packages.uploads import pack_project, shipped
from tests.support.cache_server import CacheServer
from tests.support.cluster import FakeCluster

_HASH = "a" * 64


def project(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\n')
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def names_in(archive: bytes) -> list[str]:
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        return tar.getnames()


class TestEntries:
    @pytest.mark.parametrize(
        "entry",
        [
            "numpy",
            "numpy>=2,<3",
            "numpy (>=2)",
            "pandas[parquet, excel] == 2.*",
            "tomli; python_version < '3.11'",
            "thing @ https://example.org/a/thing-1.0-py3-none-any.whl",
            "thing@git+https://example.org/thing.git@v1",
            "https://example.org/thing-1.0-py3-none-any.whl",
            f"grpc://cache:9090/app/pkg/thing.whl#sha256={_HASH}",
        ],
    )
    def test_requirements_and_urls_stay_as_they_are(self, entry: str) -> None:
        assert read_packages([f" {entry} ", entry]) == [entry]

    def test_urls_are_those_that_the_session_manager_takes(self) -> None:
        # What the session manager's tests read as well.
        listed = Path(__file__).parents[3] / "test/fixtures/listed-urls.json"
        urls = json.loads(listed.read_text(encoding="utf-8"))
        for entry in urls["taken"]:
            assert read_packages([entry]) == [entry]
        for entry, expected in urls["refused"]:
            with pytest.raises(flamepy.FlameError) as caught:
                read_packages(["six", entry])
            got = json.dumps(entry.strip(), ensure_ascii=False)
            assert caught.value.message == f"packages[1]: got {got}, expected {expected}"

    def test_what_lies_here_is_found(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = project(tmp_path / "my project")
        wheel = tmp_path / "x-1-py3-none-any.whl"
        archive = tmp_path / "y.tar.gz"
        wheel.write_bytes(b"w")
        archive.write_bytes(b"a")
        monkeypatch.chdir(folder)
        monkeypatch.setenv("HOME", str(tmp_path))
        found = [LocalPackage(each) for each in (folder, wheel, archive)]
        assert read_packages([".", "../x-1-py3-none-any.whl", "~/y.tar.gz"]) == found
        assert read_packages([folder.as_uri(), wheel.as_uri(), str(archive)]) == found
        assert [each.is_project for each in found] == [True, False, False]

    @pytest.mark.parametrize(
        ("entry", "text"),
        [
            ("", "packages[0] is empty"),
            ("numpy>>2", "packages[0]: 'numpy>>2' is no requirement"),
            ("numpy scipy", "is no requirement"),
            ("-e .", "is no requirement"),
            ("~nobody-of-this-name/x", "packages[0]: '~nobody-of-this-name/x': "),
            ("numpy==${VERSION}", "is no requirement"),
            (
                "https://example.org/${SECRET}.whl",
                "expected no '$': variables are not expanded",
            ),
            ("https://example.org/\n.whl", "expected one line without control characters"),
            (f"https://example.org/{'x' * 4096}.whl", "expected at most 4096 characters"),
            ("six; python_version > '3'\n-e x", "is no requirement"),
            ("./not-there", "there is no "),
            ("not-there.whl", "there is no "),
            ("file:///not/there.whl", "there is no /not/there.whl"),
            ("a/folder", "there is no "),
            ("x" * 5000, "expected at most 4096 characters"),
        ],
    )
    def test_what_is_wrong_is_told_by_entry(self, entry: str, text: str) -> None:
        with pytest.raises(flamepy.FlameError) as caught:
            read_packages([entry])
        assert caught.value.code is flamepy.FlameErrorCode.INVALID_ARGUMENT
        assert text in caught.value.message
        assert caught.value.message.startswith("packages[0]")

    def test_a_folder_without_a_project_and_another_file_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "data.csv").write_text("1")
        with pytest.raises(flamepy.FlameError, match=r"has no pyproject.toml or setup.py"):
            read_packages([str(tmp_path)])
        with pytest.raises(flamepy.FlameError, match=r"expected a project's folder, a wheel"):
            read_packages([str(tmp_path / "data.csv")])

    @pytest.mark.parametrize("packages", ["numpy", 7, {"numpy": 1}, [1], [None]])
    def test_what_is_no_list_of_texts_is_a_type_error(self, packages: object) -> None:
        with pytest.raises(TypeError, match=r"packages(\[0\])? should be a "):
            read_packages(packages)  # type: ignore[arg-type]

    def test_too_many_are_refused(self) -> None:
        assert len(read_packages([f"p{n}" for n in range(256)])) == 256
        with pytest.raises(flamepy.FlameError, match=r"got 257 entries, expected at most 256"):
            read_packages([f"p{n}" for n in range(257)])


class TestRequirementsFiles:
    def test_they_are_read_as_pip_reads_them(self, tmp_path: Path) -> None:
        folder = project(tmp_path / "mine")
        (tmp_path / "more.txt").write_text("\ufeffsix\n", encoding="utf-8")
        listed = tmp_path / "requirements.txt"
        listed.write_text(
            "# ours\n\nnumpy>=2,\\\n  <3  # pinned\n-r more.txt\n--requirement=more.txt\n"
            f"-e ./mine\n./mine\nurl @ https://example.org/x.whl#sha256={_HASH}\n"
        )
        assert read_packages([str(listed)]) == [
            "numpy>=2, <3",
            "six",
            LocalPackage(folder),
            f"url @ https://example.org/x.whl#sha256={_HASH}",
        ]

    @pytest.mark.parametrize(
        ("line", "text"),
        [
            ("--index-url https://example.org", "options are not taken but -r and -e"),
            ("six --hash=sha256:0", "options are not taken but -r and -e"),
            ("-r requirements.txt", "includes itself"),
            ("-r other.txt", "cannot read"),
            ("-e ./other", "there is no"),
            ("six>>1", "is no requirement"),
        ],
    )
    def test_what_is_wrong_is_told_by_line(self, tmp_path: Path, line: str, text: str) -> None:
        listed = tmp_path / "requirements.txt"
        listed.write_text(f"six\n{line}\n")
        with pytest.raises(flamepy.FlameError, match=text) as caught:
            read_packages([str(listed)])
        assert f"{listed}:2" in caught.value.message

    def test_the_last_line_may_go_on_with_nothing(self, tmp_path: Path) -> None:
        listed = tmp_path / "requirements.txt"
        listed.write_text("six\nattrs \\\n")
        assert read_packages([str(listed)]) == ["six", "attrs"]

    def test_one_that_is_no_text_is_refused(self, tmp_path: Path) -> None:
        listed = tmp_path / "requirements.txt"
        listed.write_bytes(b"\xff\xfe\x00")
        with pytest.raises(flamepy.FlameError, match="cannot read"):
            read_packages([str(listed)])


class TestProjects:
    def test_what_git_tracks_is_packed_as_it_is_now(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = project(tmp_path / "mine", a="1", deleted="2", secret="3")
        (folder / "run").write_text("#!/bin/sh\n")
        (folder / "run").chmod(0o755)
        git(folder, "init", "-q")
        git(folder, "add", "pyproject.toml", "a.py", "deleted.py", "run")
        (folder / "deleted.py").unlink()
        (folder / "a.py").write_text("changed")
        archive = pack_project(folder)
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            modes = {each.name: each.mode for each in tar.getmembers()}
            changed = tar.extractfile("project/a.py")
            assert changed is not None and changed.read() == b"changed"
        assert modes == {
            "project/a.py": 0o644,
            "project/pyproject.toml": 0o644,
            "project/run": 0o755,
        }
        size = len("changed" + "#!/bin/sh\n") + (folder / "pyproject.toml").stat().st_size
        said = capsys.readouterr().err
        assert said.startswith(f"flamepy: {folder}: 3 files that git tracks, {size} bytes, packed ")

    def test_the_same_files_are_the_same_bytes(self, tmp_path: Path) -> None:
        one, other = (project(tmp_path / name / "mine", a="1") for name in ("x", "y"))
        os.utime(one / "a.py", (1, 1))
        assert pack_project(one) == pack_project(other)

    @pytest.mark.parametrize("tracked", [False, True])
    def test_where_git_tracks_nothing_of_it_all_but_what_tools_leave_is_packed(
        self, tmp_path: Path, tracked: bool
    ) -> None:
        folder = project(tmp_path / "mine", a="1")
        for name in (".venv", "__pycache__", "mine.egg-info", "node_modules"):
            (folder / name).mkdir()
            (folder / name / "x").write_text("x")
        (folder / "dangling").symlink_to("nowhere")
        if tracked:  # Of a folder above.
            git(tmp_path, "init", "-q")
        assert names_in(pack_project(folder)) == ["project/a.py", "project/pyproject.toml"]

    def test_one_that_is_too_large_is_refused_with_its_largest_files(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uploads, "PROJECT_BYTES_MAX", 2000)
        folder = project(tmp_path / "mine", a="1")
        (folder / "data.bin").write_bytes(b"x" * 3000)
        with pytest.raises(flamepy.FlameError) as caught:
            pack_project(folder)
        assert "has 3 KiB in 3 files, expected at most 2 KiB" in caught.value.message
        assert "the largest are data.bin (3 KiB), " in caught.value.message


class TestUploads:
    def test_what_lies_here_is_put_once_under_its_hash(
        self, cache: CacheServer, tmp_path: Path
    ) -> None:
        wheel = tmp_path / "x-1+local-py3-none-any.whl"
        wheel.write_bytes(b"content")
        entries = ["six", str(wheel), str(project(tmp_path / "mine"))]
        first = shipped(entries, "app/ssn")
        versions = dict(cache.objects)
        assert shipped(entries, "app/ssn") == first
        assert cache.objects == versions
        six, sent, packed = first
        digest = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
        key = f"app/ssn/{digest[:16]}.x-1+local-py3-none-any.whl"
        assert six == "six"
        assert sent == f"{cache.endpoint}/{key.replace('+', '%2B')}#sha256={digest}"
        assert ".mine.tar.gz#sha256=" in packed
        found = get_cell(ObjectRef(cache.endpoint, key))
        assert found is not None and bytes(found[1]) == b"content"

    @pytest.mark.parametrize("size", [0, 3])
    def test_a_file_of_a_size_that_no_object_has_is_refused(
        self, cache: CacheServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        monkeypatch.setattr(flight, "OBJECT_BYTES_MAX", 2)
        wheel = tmp_path / "x-1-py3-none-any.whl"
        wheel.write_bytes(b"x" * size)
        with pytest.raises(flamepy.FlameError, match=rf"has {size} bytes; expected 1 to 2"):
            shipped([str(wheel)], "app/ssn")

    def test_nothing_is_put_when_one_entry_is_wrong(
        self, cache: CacheServer, tmp_path: Path
    ) -> None:
        wheel = tmp_path / "x-1-py3-none-any.whl"
        wheel.write_bytes(b"x")
        with pytest.raises(flamepy.FlameError):
            shipped([str(wheel), "./not-there"], "app/ssn")
        assert not cache.objects

    def test_a_session_and_an_application_carry_them(
        self, cache: CacheServer, cluster: FakeCluster, tmp_path: Path
    ) -> None:
        wheel = tmp_path / "x-1-py3-none-any.whl"
        wheel.write_bytes(b"x")
        attributes = flamepy.ApplicationAttributes(packages=[str(wheel)])
        flamepy.register_application("app", attributes)
        (sent,) = cluster.applications["app"].spec.packages.entries
        assert "/app/pkg/" in sent
        session = flamepy.create_session("app", b"", session_id="ssn", packages=["six", str(wheel)])
        six, sent = cluster.sessions["ssn"].spec.packages.entries
        assert six == "six" and "/app/ssn/" in sent
        session.close()
