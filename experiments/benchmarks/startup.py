"""How long does a command take to answer, compared with importing its libraries?

python -m experiments.benchmarks.startup
"""

import argparse
import resource
import time

from experiments.benchmarks.harness import Column, Measured, run_contest
from experiments.benchmarks.timing import EXPERIMENTS, SCRIPT, output_of, result_of
from experiments.tools.console import TOOLS


def answered(*commands: list[str]) -> Measured:
    """The seconds of the slowest of these commands, by the clock and of the processor.

    A command may be refused, as one that is mistyped is.

    Raises:
        ValueError: If one fails in another way.
    """
    clock, processor = [], []
    for command in commands:
        began, spent = time.perf_counter(), _processor()
        output_of(" ".join(command), *command, refusal=True)
        clock.append(time.perf_counter() - began)
        processor.append(_processor() - spent)
    return {"seconds": max(clock), "processor": max(processor)}


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_step(asked: argparse.Namespace) -> Measured:
    flags = "--data.source bundled --trainer.max_steps 1 --trainer.limit_val_batches 0".split()
    said = result_of(SCRIPT, *flags, "--trainer.limit_test_batches", "1")
    return {"seconds": said["seconds_to_first_step"]}


def parsed(asked: argparse.Namespace) -> Measured:
    """The parser itself, which a command line with a file of settings asks for."""
    return answered([str(SCRIPT), "--print_config"])


IMPORTS = "import lightning.pytorch, transformers"
# Both import most of themselves only when a name is asked for.
USED = (
    "from lightning.pytorch import Trainer, LightningModule, LightningDataModule; "
    "from transformers import AutoModelForSequenceClassification, AutoTokenizer; "
    "from transformers.models.bert.modeling_bert import BertForSequenceClassification; "
    "from lightning.pytorch.loggers import WandbLogger; import wandb, peft, torchmetrics"
)
EACH = [[str(script)] for script in sorted(EXPERIMENTS.glob("*.py")) if script.stem != "__init__"]
TOOL = [["-m", f"experiments.tools.{name}"] for name in TOOLS]
CONTESTANTS = {
    "import lightning, transformers": lambda asked: answered(["-c", IMPORTS]),
    "with what both load when used": lambda asked: answered(["-c", USED]),
    "lora_sst2.py --help": lambda asked: answered([str(SCRIPT), "--help"]),
    "lora_sst2.py --model.rnk 3": lambda asked: answered([str(SCRIPT), "--model.rnk", "3"]),
    "slowest --help of an experiment": lambda asked: answered(*[[*e, "--help"] for e in EACH]),
    "slowest --zzz of an experiment": lambda asked: answered(*[[*e, "--zzz"] for e in EACH]),
    "slowest --help of a tool": lambda asked: answered(*[[*e, "--help"] for e in TOOL]),
    "slowest --zzz of a tool": lambda asked: answered(*[[*e, "--zzz"] for e in TOOL]),
    "lora_sst2.py --print_config, by the parser": parsed,
    "lora_sst2.py to its first step": first_step,
}

if __name__ == "__main__":
    columns = [
        Column("seconds", "seconds", "{:.2f}", "less"),
        Column("processor", "of the processor", "{:.2f}"),
    ]
    run_contest("startup", "Start-up", __doc__, CONTESTANTS, columns, rounds=5)
