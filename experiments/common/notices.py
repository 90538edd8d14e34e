"""Prints warnings and Lightning's remarks as notes of one line, and hides those that say nothing.

Only the standard library is imported: warnings of the imports that follow are notes too.
"""

import logging
import re
import sys
import textwrap
import warnings
from typing import Any

from experiments.common import distributed

_QUIET = ("transformers", "torch", "peft")  # a user can do nothing about their warnings
_HIDDEN = [  # of Lightning: about what every run does, or what a run says in its own words
    r"(GPU|TPU|HPU) available: ",
    r"Using \S+ (None )?Automatic Mixed Precision",
    r"`Trainer.fit` stopped: ",
    r"`Trainer\(limit_\w+=1\.0\)` was configured",
    r"Loading `train_dataloader` to estimate",
    r"Restor(ing|ed) ",
    r"Seed set to ",
    r"\W*Tip: ",
    r"LOCAL_RANK: ",
    r"Initializing distributed: ",
    r"-+\s+distributed_backend=",
    r"\s*Detected KeyboardInterrupt",
    r"`weights_only` was not set",
    r"(Received|Bypassing) SIGTERM",
    r"Time limit reached",
    r"\s*Unable to serialize instance",  # of a default such as a device
    r"You passed `Trainer\(accelerator='cpu', precision=",  # refused by the runner
    r"Found current_model_state in the checkpoint",
    r"LightningCLI's args parameter is intended",
    r".*does not have many workers",
    r"Consider setting `persistent_workers",
    r"Checkpoint directory .* exists and is not empty",
    r"The number of training batches .* is smaller than the logging interval",
    r"Found \d+ module\(s\) in eval mode",
    r"You're resuming from a checkpoint that ended before the epoch",
    r"Trying to infer the `batch_size`",
    r"It is recommended to use `self.log\(.*sync_dist",
    r"Precision \S+ is not supported by the model summary",
    r"You are using the plain ModelCheckpoint callback",
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
]
_hidden = re.compile("|".join(_HIDDEN))
_said: set[str] = set()


def show_as_notes() -> None:
    """Prints each warning as a note, and each remark of Lightning's that may answer a flag.

    The filters of ``python -W`` and PYTHONWARNINGS stay: no further warning is then hidden but the
    few of Lightning's that every run would cause.
    """
    warnings.showwarning = _show_warning
    for begin in _HIDDEN:
        warnings.filterwarnings("ignore", begin)
    for library in () if sys.warnoptions else _QUIET:
        warnings.filterwarnings("ignore", module=library)
    if "lightning.pytorch" in sys.modules:
        for name in ("lightning.pytorch", "lightning.fabric"):
            logger = logging.getLogger(name)
            logger.handlers = [Notes()]
            logger.setLevel(logging.INFO)
            logger.propagate = False


class Notes(logging.Handler):
    """Prints what is logged as a note; a table stays as it is."""

    def emit(self, record: logging.LogRecord) -> None:
        text = re.sub(r"^\[rank: 0\] ", "", record.getMessage())
        if _hidden.match(text):
            return
        if text.startswith("\n"):
            print(text.strip("\n"), file=sys.stderr, flush=True)
        else:
            note(text, once=False)


def note(text: str, once: bool = True) -> None:
    """Prints a remark in one line on the error output, on rank 0; by default each once."""
    text = textwrap.shorten(" ".join(text.split()), 400, placeholder=" ...")
    if distributed.rank() or (once and text in _said):
        return
    _said.add(text)
    bars = sys.modules.get("tqdm")  # which draws its bars anew below the line
    if bars is None:
        print(f"note   {text}", file=sys.stderr, flush=True)
    else:
        bars.tqdm.write(f"note   {text}", file=sys.stderr)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, *_: Any, **__: Any
) -> None:
    note(str(message))
