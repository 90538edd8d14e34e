"""How long does a command take to answer, compared with importing its libraries?

python -m experiments.benchmarks.startup
"""

import argparse
import time

from experiments.benchmarks.harness import Column, Measured, run_contest
from experiments.benchmarks.timing import SCRIPT, output_of, result_of


def seconds_of(*words: str) -> float:
    began = time.perf_counter()
    output_of(words[-1], *words)
    return time.perf_counter() - began


def first_step(asked: argparse.Namespace) -> Measured:
    flags = "--data.source bundled --trainer.max_steps 1 --trainer.limit_val_batches 0".split()
    said = result_of(SCRIPT, *flags, "--trainer.limit_test_batches", "1")
    return {"seconds": said["seconds_to_first_step"]}


IMPORTS = "import lightning.pytorch, transformers"
# Both import most of themselves only when a name is asked for.
USED = (
    "from lightning.pytorch import Trainer, LightningModule, LightningDataModule; "
    "from transformers import AutoModelForSequenceClassification, AutoTokenizer; "
    "from transformers.models.bert.modeling_bert import BertForSequenceClassification; "
    "from lightning.pytorch.loggers import WandbLogger; import wandb, peft, torchmetrics"
)
CONTESTANTS = {
    "import lightning, transformers": lambda asked: {"seconds": seconds_of("-c", IMPORTS)},
    "with what both load when used": lambda asked: {"seconds": seconds_of("-c", USED)},
    "lora_sst2.py --help": lambda asked: {"seconds": seconds_of(str(SCRIPT), "--help")},
    "lora_sst2.py to its first step": first_step,
}

if __name__ == "__main__":
    columns = [Column("seconds", "seconds", "{:.2f}", "less")]
    run_contest("startup", "Start-up", __doc__, CONTESTANTS, columns, rounds=5)
