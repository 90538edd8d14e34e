"""Errors of Lightning and its callbacks while a run goes on, with the flag that they are about."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.fabric.utilities.spike import TrainingSpikeException
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from datamodules.spelling import did_you_mean
from experiments.common.exits import one_line
from experiments.runner.parser import Parser

_UNKNOWN = (  # how the callbacks that watch a metric say that there is none of that name
    r"(Early stopping) conditioned on metric `([^`]+)`.* any of the following: (.*)",
    r"`(ModelCheckpoint)\(monitor='([^']+)'\)` could not find .* returned metrics: (.*)",
)


@contextmanager
def one_line_with_flag(parser: Parser) -> Iterator[None]:
    """Turns an error that a flag has caused into a ValueError of one line that names the flag."""
    try:
        yield
    except TrainingSpikeException as error:
        raise ValueError(
            f"--trainer.callbacks SpikeDetection: {one_line(error)}; skip_batches.json lists it. "
            f"Lower --model.learning_rate or raise the callback's rtol"
        ) from error
    except (MisconfigurationException, RuntimeError) as error:
        if explained := _unknown_metric(str(error)):
            raise ValueError(explained) from error
        if not isinstance(error, MisconfigurationException):
            raise
        flag = parser.blamed(str(error))
        lead = "" if flag == "--trainer" else f"{flag}: "
        raise ValueError(f"{lead}{one_line(error)}") from error


def _unknown_metric(message: str) -> str:
    """The error of a callback whose metric is not logged; empty for other errors."""
    message = " ".join(message.split())
    for pattern in _UNKNOWN:
        if found := re.match(pattern, message):
            kind = found[1].replace("Early stopping", "EarlyStopping")
            known = [name for name in re.findall(r"[`']([^`']+)[`']", found[3]) if "val/" in name]
            hint = did_you_mean(found[2], known) or ";"
            return (
                f"--trainer.callbacks.monitor {found[2]}: {kind} finds no such metric{hint} "
                f"validation has {', '.join(known) or 'none'}"
            )
    return ""
