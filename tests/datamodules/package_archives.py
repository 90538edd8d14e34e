"""A wheel and a source archive as a package index has them."""

import io
import tarfile
import zipfile
from pathlib import Path

INSIDE = "toy_data/data/"


def build_wheel(folder: Path, members: dict[str, bytes], version: str = "0.1.0") -> Path:
    """The smallest archive that pip takes for a wheel."""
    info = f"toy_data-{version}.dist-info"
    about = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: toy-data\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"toy_data-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        for name, content in {**members, **about}.items():
            wheel.writestr(name, content)
    return file


BACKEND = """
from pathlib import Path

def prepare_metadata_for_build_wheel(folder, config=None):
    Path({ran!r}).touch()
    info = Path(folder, "toy_data-0.1.0.dist-info")
    info.mkdir()
    about = "Metadata-Version: 2.1\\nName: toy-data\\nVersion: 0.1.0\\n"
    info.joinpath("METADATA").write_text(about)
    return info.name
"""
PROJECT = b"""[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def build_sdist(folder: Path, members: dict[str, bytes | str], ran: Path) -> Path:
    """An archive whose setup code needs no network and touches ``ran``; str members are links."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "toy_data-0.1.0.tar.gz"
    about = {
        "pyproject.toml": PROJECT,
        "backend.py": BACKEND.format(ran=str(ran)).encode(),
        "PKG-INFO": b"Metadata-Version: 2.1\nName: toy-data\nVersion: 0.1.0\n",
    }
    with tarfile.open(file, "w:gz") as archive:
        for name, content in {**about, **members}.items():
            entry = tarfile.TarInfo(f"toy_data-0.1.0/{name}")
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return file
