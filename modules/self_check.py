"""Checks of a module when it is built: whether the network does what the module claims of it.

A check is a function of a subject that returns a fault in words, or None. What has passed is kept
by the architecture in the cache folder, so that the checks run once for each. The environment
variable ``PRETUNE_SELF_CHECK=off`` turns them off, and so does :func:`disabled`.
"""

import contextlib
import copy
import functools
import hashlib
import inspect
import json
import os
import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from datamodules.packaged import cache_folder

Subject = TypeVar("Subject")
Check = Callable[[Subject], str | None]

# A larger network is represented by a small one of its class: see ``backbones.shrunk``.
LARGEST = 40_000_000
_FORMAT = 4  # of what is kept; another one makes it anew
_disabled = ContextVar("disabled", default=False)
# Whose errors are the network's own; those of other code are not a family's fault.
_LIBRARIES = ("transformers", "peft", "torch")
# With one of these a network of transformers may run other code.
_KERNELS = ("causal-conv1d", "flash-attn", "flash-linear-attention", "kernels", "mamba-ssm")


@contextlib.contextmanager
def disabled() -> Iterator[None]:
    """Build modules without checks."""
    token = _disabled.set(True)
    try:
        yield
    finally:
        _disabled.reset(token)


def enabled() -> bool:
    """Tell whether modules check themselves."""
    return not _disabled.get() and os.environ.get("PRETUNE_SELF_CHECK", "on").lower() != "off"


def run_checks(
    checks: Sequence[Check[Subject]],
    make: Callable[[], Subject],
    key: Any,
    lead: str,
    lenient: bool = False,
) -> None:
    """Run checks on a subject, unless they have passed for this key before.

    Neither random numbers nor gradients of the caller change. The subject is the checks' own: what
    they do to it is lost.

    Args:
        checks: Functions of the subject.
        make: Makes the subject.
        key: Plain values on which the outcome depends; see :func:`architecture_key`.
        lead: How an error begins, such as ``--model.backbone NAME: FAMILY``.
        lenient: Whether a check that raises an error counts as passed: code of one's own may need
            other rows than it is tried on.

    Raises:
        ValueError: If a check finds a fault, or a library raises in it.
    """
    if not checks or not enabled():
        return
    file = _file("checks", [key, [check.__qualname__ for check in checks]])
    if file.is_file():
        return
    with neutral(), torch.enable_grad():
        subject = make()
        for check in checks:
            try:
                fault = check(subject)
            except Exception as error:
                if str(error).startswith("--data."):  # the probe is too long for this module
                    return
                if lenient:
                    continue
                if not from_library(error):
                    raise
                fault = f"fails ({one_line(error)})"
            if fault:
                raise ValueError(f"{lead}: {fault}")
    _write(file, {})


def recalled(kind: str, key: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what ``make`` returns, plain values, kept in the cache folder by the key.

    Args:
        kind: Name of the folder.
        key: Plain values on which it depends.
        make: Makes it, with random numbers of its own; what is empty is not kept.
    """
    file = _file(kind, key)
    with contextlib.suppress(OSError, ValueError):
        return json.loads(file.read_text(encoding="utf-8"))
    with neutral(), torch.enable_grad():
        found = make()
    if found:
        _write(file, found)
    return found


def architecture_key(model: Any) -> list[Any]:
    """Return what tells an architecture from another, in plain values.

    It is the class with the place of its code, the config without names, and how the network runs:
    its implementation of attention, its kind of device, and the versions of the libraries.
    """
    config, kind = model.config.to_dict(), type(model)
    for name in ("_name_or_path", "id2label", "label2id", "architectures", "dtype"):
        config.pop(name, None)
    device = next((p.device.type for p in model.parameters()), "cpu")
    versions = [_version(name) for name in (*_LIBRARIES, *_KERNELS)]
    code = [f"{kind.__module__}.{kind.__qualname__}", _source(kind)]
    return [code, repr(sorted(config.items())), _implementations(model.config), device, versions]


def _implementations(config: Any) -> list[tuple[str, str]]:
    """Return the choices of code that a config holds beside its fields, also of its parts."""
    parts = [config, *(getattr(config, name, None) for name in config.sub_configs)]
    return [
        (name, repr(value))
        for part in filter(None, parts)
        for name, value in sorted(vars(part).items())
        if "_implementation" in name
    ]


def _source(kind: type) -> str | None:
    """Return a digest of the file of a class of one's own, which has no version; else None."""
    if kind.__module__.split(".")[0] in _LIBRARIES:
        return None
    try:
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()
    except (OSError, TypeError):  # made in an interactive session: good for this process alone
        return f"{os.getpid()} {id(kind)}"


@functools.cache  # each look at a library's metadata parses the whole of it
def _version(library: str) -> str | None:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(library)
    return None


@contextlib.contextmanager
def neutral() -> Iterator[None]:
    """Run a block the same wherever it is called, and without a trace of it.

    It has its own random numbers, always the same, no autocast, no inference mode, and float32 as
    the default. Gradients are as around it.
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    dtype, drawn, numbers = torch.get_default_dtype(), random.getstate(), np.random.get_state()
    gradients, device = torch.is_grad_enabled(), torch.accelerator.current_accelerator()
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.set_grad_enabled(gradients))
        for kind in {"cpu", device.type if device else "cpu"}:
            stack.enter_context(torch.autocast(kind, enabled=False))
        torch.manual_seed(0)
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            random.setstate(drawn)
            np.random.set_state(numbers)


def copied(model: Any) -> Any:
    """Return a copy in eval mode, so that no buffer or setting of the original changes."""
    return copy.deepcopy(model).eval()


def from_library(error: BaseException) -> bool:
    """Tell whether the error was raised inside of a library of networks."""
    frames = traceback.extract_tb(error.__traceback__)
    parts = Path(frames[-1].filename).parts if frames else ()
    return "site-packages" in parts and any(name in parts for name in _LIBRARIES)


def one_line(error: BaseException) -> str:
    """Return type and message of an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}".rstrip(": ")


def _file(kind: str, key: Any) -> Path:
    digest = hashlib.sha256(json.dumps([_FORMAT, key], default=repr).encode()).hexdigest()[:24]
    return cache_folder() / kind / f"{digest}.json"


def _write(file: Path, content: dict[str, Any]) -> None:
    scratch = file.with_name(f".{file.name}-{os.getpid()}")
    with contextlib.suppress(OSError):  # without a cache the checks run every time
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(content), encoding="utf-8")
        os.replace(scratch, file)
