"""Names of an experiment's flags and pages of its help, kept in the cache by an earlier run.

With them, ``quick_answers`` answers before the libraries are imported. What is kept holds as long
as nothing has changed: our sources, the installed packages, Python, the machine and its devices.
"""

import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from datamodules.packaged import cache_folder
from datamodules.whole_files import write_text

ROOT = Path(__file__).parents[2]
PACKAGES = ("modules", "datamodules", "callbacks", "experiments")
# Settings that change the defaults which help shows.
_VARIABLES = re.compile("(CUDA|NVIDIA|HIP|ROCR|ATEN|PL|JSONARGPARSE)_|WANDB_PROJECT$")
_PYTHON = (Path(os.__file__).parent, Path(os.__file__).resolve().parent)


def program() -> str:
    """The name of the experiment of ours that this process runs; empty if it runs none."""
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or ".").resolve()
    return script.stem if script.parent == ROOT / "experiments" else ""


def read(name: str) -> dict[str, Any] | None:
    """What is kept for an experiment; None if there is nothing, or something has changed since."""
    now = fingerprint()  # before the sources are imported, which may change meanwhile
    with suppress(OSError, RuntimeError, ValueError):  # no such file, no home, no UTF-8
        digest, _, text = _file(name).read_text(encoding="utf-8").partition("\n")
        if digest == _digest(now, text):
            return json.loads(text)
    return None


def lacks(name: str, part: str, key: str) -> bool:
    """Tells whether a value is not kept yet and may be: no class may be the user's own.

    Args:
        name: The name of the experiment.
        part: ``names`` or ``pages``.
        key: The command line that the value belongs to.
    """
    kept = (read(name) or {}).get(part, {})
    return key not in kept and all(map(_is_covered, list(sys.modules.values())))


def keep(name: str, part: str, key: str, value: Any) -> None:
    """Keeps a value that is lacking, unless there is no place for it.

    Args:
        name: The name of the experiment.
        part: ``names`` or ``pages``.
        key: The command line that the value belongs to.
        value: A value for JSON.
    """
    if not lacks(name, part, key):
        return
    facts = read(name) or {"names": {}, "pages": {}}
    facts[part][key] = value
    text = json.dumps(facts)
    with suppress(OSError, RuntimeError):
        file = _file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, f"{_digest(fingerprint(), text)}\n{text}", shared=True)


@cache
def fingerprint() -> str:
    """A digest of all that the answers depend on, as it is when a process first asks."""
    return _digest(*_parts())


def _parts() -> Iterator[str]:
    yield from (sys.version, sys.prefix, str(ROOT), *sys.path, *platform.uname())
    yield from (f"{k}={v}" for k, v in sorted(os.environ.items()) if _VARIABLES.match(k))
    with suppress(OSError):  # some defaults follow the devices
        yield from sorted(n for n in os.listdir("/dev") if n.startswith(("nvidia", "kfd", "accel")))
    for place in sys.path:  # the packages that are installed
        with suppress(OSError):
            infos = (one for one in os.scandir(place or ".") if one.name.endswith("-info"))
            yield from sorted(f"{one.name} {one.stat().st_mtime_ns}" for one in infos)
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*")):
            if file.suffix in (".py", ".yaml", ".json"):
                yield from (str(file), hashlib.sha256(file.read_bytes()).hexdigest())


def _digest(*parts: str) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return found.hexdigest()


def _file(name: str) -> Path:
    place = _digest(str(ROOT), sys.prefix)[:12]  # each copy of the project has its own
    return cache_folder() / "flags" / f"{name}-{place}.json"


def _is_covered(module: Any) -> bool:
    """Tells whether the fingerprint follows a module: it is ours, Python's or installed."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not (path := Path(file)).is_absolute():
        return True  # built in, or made by a library
    ours = [ROOT / package for package in PACKAGES]
    installed = {"site-packages", "dist-packages"} & {*path.parts}
    return bool(installed) or any(map(path.is_relative_to, [*ours, *_PYTHON]))
