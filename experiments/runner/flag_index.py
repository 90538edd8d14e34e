"""The catalogue that holds for this process: the project's own, or one that a run has kept.

What a run keeps in the cache holds as long as nothing has changed: our sources, the installed
packages, Python, the machine and its devices.
"""

import atexit
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
from typing import TYPE_CHECKING

from datamodules.packaged import cache_folder
from datamodules.whole_files import write_text
from experiments.common import distributed
from experiments.runner import sources
from experiments.runner.catalogue import Catalogue

if TYPE_CHECKING:
    from experiments.runner.plain_parser import PlainParser

ROOT = sources.ROOT
PACKAGES = ("modules", "datamodules", "callbacks", "experiments")
# Settings that change the defaults which help shows.
_VARIABLES = re.compile("(CUDA|NVIDIA|HIP|ROCR|ATEN|PL|JSONARGPARSE)_|WANDB_PROJECT$")
_CHANGED = re.compile("JSONARGPARSE_|WANDB_PROJECT$")  # those without devices
PRECISION = "--trainer.precision"


def program() -> str:
    """The name of the experiment of ours that this process runs; empty if it runs none."""
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or ".").resolve()
    return script.stem if script.parent == ROOT / "experiments" else ""


@cache
def read(name: str) -> Catalogue | None:
    """The catalogue of an experiment, as it is when a process first asks; None if none holds."""
    return _carried(name) or _cached(name)


def keep_at_exit(name: str, parser: "PlainParser") -> None:
    """Keeps the catalogue of an experiment when the process ends, unless one holds already."""
    if not distributed.rank() and read(name) is None:
        atexit.register(_keep, name, parser)


def _carried(name: str) -> Catalogue | None:
    """The catalogue that the project carries, with this machine's precision."""
    if any(map(_CHANGED.match, os.environ)) or (able := native_bf16()) is None:
        return None
    if kept := sources.read(name):
        found = Catalogue(kept, name)
        if PRECISION[2:] not in found.own.stated:
            flag = found.own.flags[PRECISION]
            precision = "bf16-mixed" if able else "32-true"
            flags = {**found.own.flags, PRECISION: flag._replace(default=precision)}
            found.own = found.own._replace(flags=flags)
        return found
    return None


def _cached(name: str) -> Catalogue | None:
    now = fingerprint()  # before the sources are imported, which may change meanwhile
    with suppress(OSError, RuntimeError, ValueError, KeyError):  # no such file, no home, no UTF-8
        digest, _, text = _file(name).read_text(encoding="utf-8").partition("\n")
        if digest == _digest(now, text):
            return Catalogue(json.loads(text), name)
    return None


def _keep(name: str, parser: "PlainParser") -> None:
    """Keeps a catalogue, unless there is no place for it or a class may be the user's own."""
    from experiments.runner import catalogue_entries

    try:
        facts = catalogue_entries.collected(name, parser)
    except (Exception, KeyboardInterrupt):  # of a class that no flag can describe: the run is over
        return
    if not all(map(_is_covered, facts["kinds"])):
        return
    text = json.dumps(facts)
    with suppress(OSError, RuntimeError):
        file = _file(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, f"{_digest(fingerprint(), text)}\n{text}", shared=True)


def native_bf16() -> bool | None:
    """Tells without torch whether this machine multiplies bf16 in hardware; None if that is open.

    It is ``modules.kernels.native_bf16`` on Linux without an accelerator.
    """
    if sys.platform != "linux" or _devices():
        return None
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        if found := re.search(r"^(flags|Features)\s*:(.*)$", text, re.M):
            return bool({"avx512_bf16", "amx_bf16", "bf16"} & {*found[2].split()})
    return None


def _devices() -> list[str]:
    with suppress(OSError):
        names = os.listdir("/dev")
        return sorted(n for n in names if n.startswith(("nvidia", "kfd", "accel", "dxg")))
    return []


@cache
def fingerprint() -> str:
    """A digest of all that the answers depend on, as it is when a process first asks."""
    return _digest(*_parts())


def _parts() -> Iterator[str]:
    places = sys.path[1:]  # the first is the folder of the script, or the current one with -m
    yield from (sys.version, sys.prefix, str(ROOT), *places, *platform.uname(), *_devices())
    yield from (f"{k}={v}" for k, v in sorted(os.environ.items()) if _VARIABLES.match(k))
    for place in places:  # the packages that are installed
        with suppress(OSError):
            infos = (one for one in os.scandir(place or ".") if one.name.endswith("-info"))
            yield from sorted(f"{one.name} {one.stat().st_mtime_ns}" for one in infos)
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*")):
            if file.suffix in (".py", ".yaml") or file == sources.FILE:
                yield from (str(file), hashlib.sha256(file.read_bytes()).hexdigest())


def _digest(*parts: str) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return found.hexdigest()


def _file(name: str) -> Path:
    place = _digest(str(ROOT), sys.prefix)[:12]  # each copy of the project has its own
    return cache_folder() / "flags" / f"{name}-{place}.json"


def _is_covered(path: str) -> bool:
    """Tells whether the fingerprint follows a class: it is ours, or of an installed package."""
    module = sys.modules.get(path.rpartition(".")[0])
    file = Path(getattr(module, "__file__", None) or ".").absolute()
    ours = [ROOT / package for package in PACKAGES]
    installed = {"site-packages", "dist-packages"} & {*file.parts}
    return bool(installed) or any(map(file.is_relative_to, ours))
