"""What ``convert`` does: opens the model, writes its file, and gives it its name once checked."""

import os
import shutil
import tempfile
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datamodules.optional import check_installed
from experiments.common.runs import choose_run, read_run_folder
from experiments.common.shell import relative
from experiments.tools.finished_exports import lacks_model
from modules import load
from modules.conversion import gguf_file, onnx_folder
from modules.conversion.differences import Difference
from modules.conversion.language_models import open_language_model

_ONNX = {
    "onnx": "writes the file",
    "onnxscript": "translates the network to ONNX",
    "onnxruntime": "runs the file",
}


def convert(asked: Namespace) -> tuple[Path, Difference]:
    """Converts the model that the command line asks for.

    Returns:
        What was written, and the difference of its logits.

    Raises:
        ValueError: If there is no such model, or the format has no place for it.
        DifferenceError: If what was written does not give the model's logits.
    """
    source = _find(asked.model, Path(asked.runs))
    lead = f"--to {asked.to}: {relative(source)}"
    output: Path = asked.output or _beside(source, asked.to)
    if output.exists():
        raise ValueError(f"{output}: exists; remove it, or give another --output")
    if asked.to == "onnx":
        for name, purpose in _ONNX.items():
            check_installed(name, "onnx", purpose)
        module = load(source)
        if reason := onnx_folder.obstacle(module):
            raise ValueError(f"{lead}: {reason}")
        with _named_at_end(output) as scratch:
            difference = onnx_folder.write(module, scratch)
        return output, difference
    opened = open_language_model(source)
    if reason := gguf_file.obstacle(opened):
        raise ValueError(f"{lead}: {reason}")
    kind = asked.type or "f16"
    with _named_at_end(output) as scratch:
        if output.suffix == ".gguf":
            difference = gguf_file.write(opened, scratch / output.name, kind)
        else:
            difference = gguf_file.write_folder(opened, scratch, kind)
    return output, difference


def _find(wanted: str, runs: Path) -> Path:
    """The folder of a run or of an export."""
    place = Path(wanted).expanduser()
    if place.is_dir():
        return place
    return choose_run(wanted, runs, lacks_model, "run with a model").path


def _beside(source: Path, kind: str) -> Path:
    """The folder to write where none is given."""
    source = source.absolute()
    if read_run_folder(source) is not None:
        return source / kind
    return source.with_name(f"{source.name}-{kind}")


@contextmanager
def _named_at_end(output: Path) -> Iterator[Path]:
    """Yields a scratch folder; at the end it, or the file of the output's name in it, moves."""
    try:
        output.absolute().parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".making-", dir=output.absolute().parent))
    except OSError as error:
        raise ValueError(f"--output {output}: cannot be written ({error.strerror})") from error
    try:
        yield scratch
        made = scratch / output.name if output.suffix == ".gguf" else scratch
        made.chmod(0o755 if made.is_dir() else 0o644)  # mkdtemp's is for its owner alone
        os.replace(made, output)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
