"""The builder of the add-on's zips, and what --check refuses; with stand-ins for the wheels, of the same names."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from test_packaging import normal, pinned_versions, read_toml

import build_addon
from addon_build import BuildError
from addon_build.check import NEEDED, check_zip, module_problems
from addon_build.manifest import manifest_problems
from addon_build.relative_imports import made_relative
from addon_build.wheels import PLATFORMS, PYTHONS, fetch, locked_hashes, read_name, wheels_of

REPOSITORY = Path(__file__).resolve().parent.parent
MANIFEST, WEIGHTS = "blender_manifest.toml", "inference_core/shipped_weights"
Parts = dict[str, bytes]


# Imports

@pytest.mark.parametrize("name, before, after", [
    ("capture.py", "from inference_core.regression import Face", "from .inference_core.regression import Face"),
    ("capture.py", "from inference_core import photo", "from .inference_core import photo"),
    ("ui/operators/bake.py", "    from inference_core.take import (\n        open_take)",
     "    from ...inference_core.take import (\n        open_take)"),
    ("inference_core/regression.py", "from inference_core.crop import Crop", "from .crop import Crop"),
    ("inference_core/regression.py", "from inference_core import photo", "from . import photo"),
    ("inference_core/cli/image.py", "from inference_core.frames.live import x", "from ..frames.live import x"),
    ("inference_core/frames/video.py", "from inference_core.frames.live import x", "from .live import x"),
    ("inference_core/frames/video.py", "from inference_core.errors import x", "from ..errors import x"),
    ("capture.py", "é = 1; from inference_core.crop import Crop", "é = 1; from .inference_core.crop import Crop"),
    ("capture.py", "from inference_core_extra import x", "from inference_core_extra import x"),
])
def test_imports_of_the_core_become_relative(name: str, before: str, after: str) -> None:
    inside = "\n".join(["def f():", f"{before}", "    pass"]) if before.startswith(" ") else before
    assert made_relative(inside, name) == inside.replace(before, after)


def test_words_about_the_core_stay_as_they_are() -> None:
    source = '"""Uses\nfrom inference_core.x import y\nas always."""\nwhere = {"inference_core": 1}  # inference_core.x\n'
    assert made_relative(source, "a.py") == source


@pytest.mark.parametrize("source", [
    "import inference_core", "import inference_core.take as take", "import numpy, inference_core.take",
    "from lprnet_blender.capture import x", "module = import_module('inference_core')",
    "module = __import__('inference_core.take')", "command = ['-m', 'inference_core.frames.camera']",
    "if True: from inference_core.a import b; from inference_core.c import d",
    "from \\\n  inference_core.take import x", "from inference_core .take import x",
])
def test_any_other_way_to_name_the_core_stops_the_build(source: str) -> None:
    with pytest.raises(BuildError, match=r"^scene/a\.py:\d: .*write it as `from inference_core\.module import name`"):
        made_relative(source, "scene/a.py")


def test_a_module_that_python_3_11_cannot_read_stops_the_build() -> None:
    with pytest.raises(BuildError, match=r"a\.py:1: not Python 3\.11"):
        made_relative("type X = int", "a.py")


# Wheels

def test_the_locked_wheels_are_the_pinned_versions_for_every_platform_and_python() -> None:
    pins, hashes = pinned_versions(), locked_hashes()
    for platform in PLATFORMS:
        wheels = wheels_of(platform, hashes)
        assert {wheel.package for wheel in wheels} == {"ai-edge-litert", "dlib-bin", "opencv-python-headless"}
        for wheel in wheels:
            assert wheel.version == pins[normal(wheel.package)]
        for python in PYTHONS:
            assert sum(wheel.runs_on(python) for wheel in wheels) == 3
    assert sum(len(wheels_of(platform, hashes)) for platform in PLATFORMS) == len(hashes)
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes.values())


def test_a_wheel_that_changed_is_refused(tmp_path: Path) -> None:
    file, digest = next(iter(locked_hashes().items()))
    (tmp_path / file).write_bytes(b"another wheel")
    with pytest.raises(BuildError, match=f"{re.escape(file)}: not the wheel that wheels.sha256 means"):
        fetch(read_name(file), digest, tmp_path)


def test_a_wheel_that_the_index_does_not_give_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    file, digest = next(iter(locked_hashes().items()))
    with pytest.raises(BuildError, match="the index did not give this wheel"):
        fetch(read_name(file), digest, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_forgotten_wheel_stops_the_build() -> None:
    hashes = {file: digest for file, digest in locked_hashes().items() if "dlib_bin-20.0.1.post1-cp313-cp313-win" not in file}
    with pytest.raises(BuildError, match=r"not exactly one wheel of dlib-bin for windows-x64, Python 3\.13"):
        wheels_of("windows-x64", hashes)


# Zips

@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A copy of the repository with one small network, and a folder of small wheels with the names of the real ones."""
    repository, cache = tmp_path_factory.mktemp("repository"), tmp_path_factory.mktemp("wheels")
    for name in ("pyproject.toml", "NOTICE"):
        shutil.copy(REPOSITORY / name, repository)
    for name in ("LICENSES", "inference_core", "lprnet_blender"):
        shutil.copytree(REPOSITORY / name, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
    (repository / "weights").mkdir()
    for name in ("topology.npz", "MODEL_CARD.md"):
        shutil.copy(REPOSITORY / "weights" / name, repository / "weights")
    files = {role: {"path": f"small.{ending}", "bytes": 5, "sha256": hashlib.sha256(role[:5].encode()).hexdigest()}
             for role, ending in {"litert": "tflite", "keras": "keras"}.items()}
    for role, entry in files.items():
        (repository / "weights" / entry["path"]).write_bytes(role[:5].encode())
    (repository / "weights" / "weights.json").write_text(json.dumps(
        {"networks": [{"name": "small", "files": files}], "detector": {**files["litert"], "path": "detector.tflite"}}))
    shutil.copy(repository / "weights" / "small.tflite", repository / "weights" / "detector.tflite")
    lines = []
    for file in locked_hashes():
        with zipfile.ZipFile(cache / file, "w") as wheel:
            wheel.writestr("stand_in.txt", file)
        lines.append(f"{hashlib.sha256((cache / file).read_bytes()).hexdigest()}  {file}")
    lock = cache / "wheels.sha256"
    lock.write_text("\n".join(lines), encoding="ascii")
    return {"repository": repository, "cache": cache, "lock": lock}


@pytest.fixture(scope="module")
def built(stand_ins: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("dist")
    return {platform: build_addon.build(platform, folder, **stand_ins) for platform in PLATFORMS}


@pytest.fixture(scope="module")
def parts(built: dict[str, Path]) -> Parts:
    with zipfile.ZipFile(built["linux-x64"]) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_zip_holds_what_the_add_on_needs_and_nothing_else(parts: Parts) -> None:
    modules = {path.relative_to(REPOSITORY / "lprnet_blender").as_posix()
               for path in (REPOSITORY / "lprnet_blender").rglob("*.py")}
    core = {path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "inference_core").rglob("*.py")}
    started_from_a_checkout = {name for name in modules | core if name.endswith("__main__.py")}
    assert {name for name in parts if name.endswith(".py")} == (modules | core) - started_from_a_checkout
    assert {name.rpartition("/")[0] for name in parts if not name.endswith(".py")} == {"", "LICENSES", WEIGHTS, "wheels"}
    assert not any(".keras" in name or "numpy" in name for name in parts)


def test_the_manifest_is_the_repositorys_with_the_projects_version(parts: Parts) -> None:
    manifest, given = tomllib.loads(parts[MANIFEST].decode()), read_toml(f"lprnet_blender/{MANIFEST}")
    assert manifest["version"] == read_toml("pyproject.toml")["project"]["version"]
    assert manifest["platforms"] == ["linux-x64"]
    assert {key: manifest[key] for key in given} == given
    assert set(manifest["permissions"]) == {"files", "camera"}
    assert manifest["license"][0] == "SPDX:GPL-3.0-or-later"


def test_the_notice_says_what_each_wheel_is(parts: Parts) -> None:
    told = parts["NOTICE"].decode()
    for name, data in parts.items():
        if name.startswith("wheels/"):
            assert name.removeprefix("wheels/") in told and hashlib.sha256(data).hexdigest() in told


def test_the_networks_list_names_no_file_that_was_left_out(parts: Parts) -> None:
    for network in json.loads(parts[f"{WEIGHTS}/weights.json"])["networks"]:
        for entry in network["files"].values():
            assert hashlib.sha256(parts[f"{WEIGHTS}/{entry['path']}"]).hexdigest() == entry["sha256"]


def test_each_platform_gets_its_own_wheels_and_a_good_zip(built: dict[str, Path], stand_ins: dict[str, Path]) -> None:
    hashes = locked_hashes(stand_ins["lock"])
    for platform, path in built.items():
        assert path.name.endswith(f"-{platform.replace('-', '_')}.zip")
        assert check_zip(path, hashes) == []
        with zipfile.ZipFile(path) as archive:
            wheels = [name.removeprefix("wheels/") for name in archive.namelist() if name.startswith("wheels/")]
        assert [wheel.file for wheel in wheels_of(platform, hashes)] == wheels


def test_two_builds_are_the_same_bytes(built: dict[str, Path], stand_ins: dict[str, Path], tmp_path: Path) -> None:
    again = build_addon.build("macos-arm64", tmp_path, **stand_ins)
    assert again.read_bytes() == built["macos-arm64"].read_bytes()
    assert list(tmp_path.iterdir()) == [again]


def test_the_zips_modules_are_found_without_the_checkout(parts: Parts, tmp_path: Path) -> None:
    """Unpacked under another name in a folder of its own, as Blender does it."""
    package = tmp_path / "bl_ext_like" / "anything"
    for name, data in parts.items():
        if not name.startswith("wheels/"):
            (package / name).parent.mkdir(parents=True, exist_ok=True)
            (package / name).write_bytes(data)
    code = ("import bl_ext_like.anything as a; from bl_ext_like.anything.inference_core.topology import load_topology; "
            "from bl_ext_like.anything.inference_core import Take, export_take; import sys; "
            "print(len(load_topology().cells), 'inference_core' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells, absolute = done.stdout.split()
    assert int(cells) > 1000 and absolute == "False"


# Broken zips

def write(path: Path, parts: Parts) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def problems(parts: Parts, stand_ins: dict[str, Path], tmp_path: Path) -> Callable[[Parts], str]:
    """What --check says about the good zip, of few modules, with some parts replaced or added; b"" leaves one out."""
    def judge(changes: Parts) -> str:
        few = {name: data for name, data in parts.items() if not name.endswith(".py") or name in NEEDED}
        changed = {name: data for name, data in {**few, **changes}.items() if data != b""}
        return "\n".join(check_zip(write(tmp_path / "a.zip", changed), locked_hashes(stand_ins["lock"])))
    return judge


def test_the_good_zip_written_again_is_good(problems: Callable[[Parts], str]) -> None:
    assert problems({}) == ""


LITERT = "wheels/ai_edge_litert-2.3.0-cp311-cp311-manylinux_2_27_x86_64.whl"


@pytest.mark.parametrize("changes, says", [
    ({"__init__.py": b""}, "__init__.py is missing"),
    ({"LICENSES/MIT.txt": b""}, "LICENSES/MIT.txt is missing"),
    ({f"{WEIGHTS}/topology.npz": b""}, "topology.npz is missing"),
    ({f"{WEIGHTS}/small.tflite": b""}, "small.tflite: missing, or not the file that weights.json means"),
    ({f"{WEIGHTS}/small.tflite": b"other"}, "small.tflite: missing, or not the file that weights.json means"),
    ({f"{WEIGHTS}/detector.tflite": b""}, "detector.tflite: missing, or not the file that weights.json means"),
    ({f"{WEIGHTS}/weights.json": b"[]"}, "weights.json: not a list of networks"),
    ({f"{WEIGHTS}/old.tflite": b"x"}, "old.tflite: no network of weights.json needs it"),
    ({f"{WEIGHTS}/small.keras": b"x"}, "small.keras: a file that no part of the add-on reads"),
    ({"../outside.py": b"1"}, "not a plain path inside the zip"),
    ({"/etc/a.py": b"1"}, "not a plain path inside the zip"),
    ({"C:/a.py": b"1"}, "not a plain path inside the zip"),
    ({"scene/./a.py": b"1"}, "not a plain path inside the zip"),
    ({"inference_core/PATHS.py": b"1"}, "inference_core/PATHS.py: twice"),
    ({"scene/caf\u00e9.py": b"1"}, "a name that some systems cannot write"),
    ({"__pycache__/a.pyc": b"1"}, "a file that no part of the add-on reads"),
    ({"install.sh": b"1"}, "install.sh: a file that no part of the add-on reads"),
    ({LITERT: b""}, "named in blender_manifest.toml but not inside"),
    ({"wheels/numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.whl": b"x"}, "inside but not named in"),
    ({LITERT: b"altered"}, "not the wheel of the index"),
    ({"ui/a.py": b"from inference_core.take import Take"}, "ui/a.py:1: `from inference_core.take import`, where only"),
    ({"ui/a.py": b"import inference_core"}, "ui/a.py:1: `import inference_core`"),
    ({"ui/a.py": b"import scipy"}, "ui/a.py:1: imports scipy, which Blender does not have"),
    ({"ui/a.py": b"\nimport pip"}, "ui/a.py:2: imports pip; an add-on installs nothing"),
    ({"ui/a.py": b"run([python, '-m', 'pip', 'install', 'x'])"}, "names pip; an add-on installs nothing"),
    ({"ui/a.py": b"def f():\n    import urllib.request"}, "ui/a.py:2: imports urllib; the add-on has no permission"),
    ({"ui/a.py": b"type X = int"}, "ui/a.py:1: not Python 3.11"),
])
def test_a_broken_zip_is_refused_with_a_sentence(problems: Callable[[Parts], str], changes: Parts, says: str) -> None:
    assert says in problems(changes)


@pytest.mark.parametrize("key, line, says", [
    ("platforms", 'platforms = ["linux-x86"]', 'is ["linux-x86"], not a list with one of linux-x64'),
    ("platforms", 'platforms = ["linux-x64", "windows-x64"]', "not a list with one of"),
    ("platforms", "", "'platforms' is missing"),
    ("id", 'id = "lprnet-blender"', "not a Python identifier"),
    ("version", 'version = "1.0"', "not a version such as 1.2.3"),
    ("tagline", 'tagline = "Faces."', "does not end in punctuation"),
    ("tagline", f'tagline = "{"x" * 65}"', "at most 64 letters"),
    ("tags", 'tags = ["Faces"]', "not a list of Blender's tags"),
    ("license", 'license = ["GPL-3.0-or-later"]', "not a list of SPDX:"),
    ("license", 'license = ["SPDX:GPL-3.0-or-later"]', "not a list of SPDX:"),
    ("license", 'license = ["SPDX:GPL-3.0-or-later", "SPDX:MIT", "SPDX:Apache-2.0", "SPDX:CC0-1.0"]',
     "the licences BSD-2-Clause, "),
    ("blender_version_min", 'blender_version_min = "3.6.0"', "not 4.2.0"),
    ("wheels", 'wheels = ["../a.whl"]', "not a list of ./wheels/NAME.whl"),
    ("wheels", f'wheels = ["./{LITERT}"]', "not exactly one wheel of dlib-bin for Python 3.11"),
    ("copyright", 'copyright = ["The authors"]', "not a list of years and names"),
    ("type", 'type = "theme"', "not add-on"),
    ("schema_version", "schema_version = 1.0", "not 1.0.0"),
    ("", 'colour = "red"\n', "'colour' is a key that Blender does not know"),
    ("", "this is no TOML", "not TOML"),
])
def test_a_manifest_that_blender_refuses_or_misunderstands_is_refused(
        problems: Callable[[Parts], str], parts: Parts, key: str, line: str, says: str) -> None:
    manifest, count = re.subn(rf"^{key} = (\[\n(.*\n)*?\]|.*)$" if key else "^", line, parts[MANIFEST].decode(), count=1,
                              flags=re.MULTILINE)
    assert count == 1
    assert says in problems({MANIFEST: manifest.encode()})


@pytest.mark.parametrize("line", ['network = "Fetch weights"', 'clipboard = "Copy"', 'microphone = "Sound"'])
def test_no_permission_but_files_and_camera(parts: Parts, line: str) -> None:
    told = " ".join(manifest_problems(parts[MANIFEST].decode() + line + "\n"))
    assert "'permissions' is" in told and "files and camera alone" in told


def test_wheels_of_another_platform_are_refused(problems: Callable[[Parts], str], parts: Parts) -> None:
    manifest = parts[MANIFEST].replace(b"linux-x64", b"windows-x64")
    assert "manylinux_2_27_x86_64.whl: not for windows-x64" in problems({MANIFEST: manifest})


def test_a_link_is_refused(parts: Parts, stand_ins: dict[str, Path], tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", parts)
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("scene/link.py")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert check_zip(path, locked_hashes(stand_ins["lock"])) == ["scene/link.py: not a plain file"]


def test_a_zip_over_the_limits_is_refused_before_it_is_unpacked(stand_ins: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros.npz", "w") as entry:
        for _ in range(401):
            entry.write(bytes(1_000_000))
    assert "unpacks to more than" in check_zip(path, {})[0]


def test_a_file_that_is_no_zip_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"no zip")
    assert build_addon.main(["--check", str(path)]) == 1
    assert "a.zip: cannot be read as a zip" in capsys.readouterr().err
    assert build_addon.main(["--check", str(tmp_path / "nowhere.zip")]) == 1
    assert "nowhere.zip: cannot be read as a zip (No such file" in capsys.readouterr().err


def test_a_damaged_entry_is_found(parts: Parts, stand_ins: dict[str, Path], tmp_path: Path) -> None:
    path = write(tmp_path / "a.zip", parts)
    data = bytearray(path.read_bytes())
    at = data.index(parts["NOTICE"][:60])
    data[at] ^= 1
    path.write_bytes(data)
    assert check_zip(path, locked_hashes(stand_ins["lock"])) == ["NOTICE: damaged (its checksum is wrong)"]


def test_packed_data_that_is_damaged_is_one_sentence(parts: Parts, tmp_path: Path) -> None:
    with zipfile.ZipFile(path := tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
        entry = archive.getinfo("NOTICE")
    data = bytearray(path.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename)
    data[start:start + 40] = b"\xff" * 40
    path.write_bytes(data)
    with pytest.raises(BuildError, match="a.zip: cannot be read as a zip"):
        check_zip(path, {})


def with_in_its_directory(path: Path, at: int, value: int) -> Path:
    """The zip with two bytes changed in what its directory says of the first entry."""
    with zipfile.ZipFile(path) as archive:
        start = archive.start_dir + at          # wheels, zips themselves, have directories of their own before it
    data = bytearray(path.read_bytes())
    data[start:start + 2] = value.to_bytes(2, "little")
    path.write_bytes(data)
    return path


def test_a_zip_of_a_later_version_is_one_sentence(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="a.zip: cannot be read as a zip .*version 9.9"):
        check_zip(with_in_its_directory(write(tmp_path / "a.zip", parts), 6, 99), {})


@pytest.mark.parametrize("flag", [0, 5, 6], ids=["encrypted", "patched", "strongly encrypted"])
def test_an_entry_that_only_some_programs_open_is_refused(parts: Parts, tmp_path: Path, flag: int) -> None:
    path = with_in_its_directory(write(tmp_path / "a.zip", parts), 8, 1 << flag)
    assert check_zip(path, {}) == [f"{next(iter(parts))}: not a plain file"]


@pytest.mark.parametrize("error", [NotImplementedError, EOFError, OSError])
def test_a_fault_of_the_check_is_not_told_as_one_of_the_zip(
        problems: Callable[[Parts], str], monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def fault(name: str, source: str) -> None:
        raise error
    monkeypatch.setattr("addon_build.check.module_problems", fault)
    with pytest.raises(error):
        problems({})


def test_a_packing_that_not_every_blender_knows_is_refused(parts: Parts, tmp_path: Path) -> None:
    with zipfile.ZipFile(path := tmp_path / "a.zip", "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data, zipfile.ZIP_BZIP2 if name == "NOTICE" else zipfile.ZIP_STORED)
    assert any(problem.startswith("NOTICE: packed in a way") for problem in check_zip(path, {}))


def test_only_the_reader_of_network_cameras_may_connect() -> None:
    assert list(module_problems("inference_core/frames/stream.py", "import socket")) == []
    assert list(module_problems("inference_core/frames/video.py", "import socket"))


def test_a_bad_zip_is_not_left_behind(stand_ins: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("build_addon.check_zip", lambda path, hashes: ["x: broken"])
    with pytest.raises(BuildError, match="x: broken"):
        build_addon.build("linux-x64", tmp_path, **stand_ins)
    assert list(tmp_path.iterdir()) == []


def test_a_wheel_is_a_zip_of_its_own(parts: Parts) -> None:
    assert zipfile.is_zipfile(io.BytesIO(parts[LITERT]))


def test_an_output_that_is_no_folder_is_one_sentence_before_anything_is_fetched(tmp_path: Path, monkeypatch,
                                                                                capsys) -> None:
    (tmp_path / "README.md").write_text("")
    monkeypatch.setattr(build_addon, "fetch", lambda *given: pytest.fail("fetched"))
    assert build_addon.main(["--output", str(tmp_path / "README.md")]) == 1
    said = capsys.readouterr().err.strip()
    assert str(tmp_path / "README.md") in said and "--output" in said and "\n" not in said
    for error, code in ((OSError(28, "No space left on device", "the.zip"), 1), (KeyboardInterrupt(), 130)):
        def fail(*given, error=error):
            raise error
        monkeypatch.setattr(build_addon, "build", fail)
        assert build_addon.main(["--output", str(tmp_path / "dist")]) == code
        assert len(capsys.readouterr().err.splitlines()) == 1
