"""Archives of several files, unpacked for as long as they are read."""

import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datamodules.files.containers import is_workbook, zip_members


def is_archive(path: Path) -> bool:
    """Whether a file is a tar archive, or a zip archive of several files."""
    if zipfile.is_zipfile(path):
        members = zip_members(path)
        return len(members) != 1 and not is_workbook(members)
    named = re.search(r"\.(tar|tgz|tbz2?|txz)(\.|$)", path.name.lower())
    return bool(named) and tarfile.is_tarfile(path)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The files of an archive in a folder of its name, which goes when it is left."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / path.name
        if zipfile.is_zipfile(path):
            shutil.unpack_archive(path, folder, "zip")
        else:
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
        yield folder
