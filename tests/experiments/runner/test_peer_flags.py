"""Names of other training scripts lead to the flag that does the same here."""

import dataclasses
import sys

import pytest
from transformers import Seq2SeqTrainingArguments

from datamodules.base import RowDataModule
from datamodules.classification import SST2
from datamodules.corpus import Corpus
from datamodules.instructions import Instructions  # noqa: F401  a class to choose
from experiments.runner import peer_flags
from experiments.runner.classes import class_flags, subclasses
from experiments.runner.command_line import CommandLine
from modules.base import PretuneModule
from modules.finetuning.bitfit import BitFit  # noqa: F401  a class to choose
from modules.finetuning.lora import LoRA
from modules.pretraining.masked_lm import MaskedLM
from modules.tasks import Task


def parser_of(model, data, words, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["x.py", *words])
    return CommandLine("x", "A question.", model, data, {}).parser


def said(words, monkeypatch, capsys, model=LoRA, data=SST2):
    with pytest.raises(SystemExit):
        parser_of(model, data, words.split(), monkeypatch)
    return capsys.readouterr().err.removeprefix("x.py: error: ").rstrip()


def test_every_flag_of_the_table_exists(monkeypatch):
    known = set(parser_of(LoRA, SST2, [], monkeypatch).known)
    for key, root in (("model", PretuneModule), ("data", RowDataModule)):
        known |= {f for one in subclasses(root).values() for f in class_flags(one, key)}
    flags, advice = peer_flags.names()["flags"], peer_flags.names()["advice"]
    entries = {part for entry in flags.values() for part in entry.split("|")}
    assert {entry.split()[0].split("+=")[0] for entry in entries} - known == set()
    assert set(peer_flags.VALUES) <= known
    assert not flags.keys() & advice.keys()


def test_every_class_of_the_table_exists_and_has_its_flags():
    roots = {"model": PretuneModule, "model.task": Task, "data": RowDataModule}
    kinds = {
        name: (key, kind)
        for key, root in roots.items()
        for name, kind in subclasses(root).items()
        # Other tests, and the blocks of the docs, define classes of their own.
        if kind.__module__.startswith(("modules.", "datamodules."))
    }
    ours = {(key, name.lower()) for name, (key, _) in kinds.items()}
    for alias, listed in peer_flags.names()["classes"].items():
        for entry in listed.split("|"):
            name, *words = entry.split()
            key, kind = kinds[name]
            assert set(words[::2]) <= set(class_flags(kind, key)), entry
            # A class of that very name is no other name's; SQuAD may be data and mean a task.
            assert (key, alias) not in ours


@pytest.mark.parametrize(
    ("name", "offered", "meant"),
    [
        ("QLoRA", ["LoRA", "Adapter"], "LoRA --model.quantize 4bit"),
        ("QLoRA", ["MaskedLM"], ""),
        ("P-Tuning v2", ["PrefixTuning", "PTuning"], "PrefixTuning"),
        ("SFT", ["FullFineTuning"], "FullFineTuning"),
        ("SFT", ["Classification", "InstructionFollowing"], "InstructionFollowing"),
        ("Nix", ["LoRA"], ""),
    ],
)
def test_a_method_of_another_name_leads_to_its_class(name, offered, meant):
    assert peer_flags.class_of(name, offered) == meant


def test_the_error_of_an_unknown_class_names_the_one_that_is_meant(monkeypatch, capsys):
    line = said("--model DoRA", monkeypatch, capsys)
    assert "--model DoRA: unknown class; did you mean LoRA --model.use_dora true?" in line


def test_every_argument_of_the_trainer_of_transformers_has_a_hint(monkeypatch):
    flags, advice = peer_flags.names()["flags"], peer_flags.names()["advice"]
    own = {f.rsplit(".")[-1] for f in parser_of(LoRA, SST2, [], monkeypatch).known}
    asked = {field.name for field in dataclasses.fields(Seq2SeqTrainingArguments)}
    assert asked - flags.keys() - advice.keys() - own == set()


@pytest.mark.parametrize(
    ("words", "end"),
    [
        ("--lr 1", "unknown flag --lr; here it is --model.learning_rate"),
        ("--model.lr 1", "unknown flag --model.lr; here it is --model.learning_rate"),
        ("--epochs 1", "unknown flag --epochs; here it is --trainer.max_epochs"),
        ("--trainer.epochs 1", "--trainer.epochs; here it is --trainer.max_epochs"),
        ("--num-train-epochs 1", "--num-train-epochs; here it is --trainer.max_epochs"),
        ("--gradient_accumulation_steps 2", "here it is --trainer.accumulate_grad_batches"),
        ("--ckpt_path x", "here it is --resume"),
        ("--fp16 true", "here it is --trainer.precision 16-mixed"),
        ("--seed 1", "here it is --seed_everything"),
        ("--max_seq_length 9", "here it is --data.max_length"),
        ("--lora_r 8", "here it is --model.rank"),
        ("--model BitFit --lora_r 8", "here it is --model.rank of --model LoRA"),
        ("--batch_size 8", "did you mean --data.batch_size?"),
        ("--optim adamw", "here it is --model.optimizer"),
        ("--use_galore true", "there is none: --model.optimizer is adamw or muon"),
        ("--model.gradient_checkpointing true", "did you mean --gradient_checkpointing?"),
        ("--torch_compile true", "here it is --compile"),
        ("--activation_offloading true", "there is none: a smaller --data.batch_size with "
         "--trainer.accumulate_grad_batches saves memory"),
        ("--mlm_probability 1", "other experiments have it as --model.probability, and this one "
         "has none"),
        ("--trainer.precision fp16", "did you mean 16-mixed?"),
        ("--trainer.precision half", "did you mean 16-mixed?"),
        ("--model.rnak 8", "unknown flag --model.rnak; did you mean --model.rank?"),
    ],
)  # fmt: skip
def test_a_name_of_another_script_leads_to_ours(words, end, monkeypatch, capsys):
    assert said(words, monkeypatch, capsys).endswith(end)


def test_the_hint_fits_the_experiment(monkeypatch, capsys):
    words = "--data.path x --block_size 8"
    line = said(words, monkeypatch, capsys, MaskedLM, Corpus)
    assert line == "unknown flag --block_size; here it is --data.row_tokens"


@pytest.mark.parametrize(
    ("words", "message", "blamed"),
    [
        ("accelerator tpu devices 1 max_steps 1 limit_val_batches 1",
         "Requirement 'torch_xla>=1.13' not met.", "--trainer.accelerator tpu"),
        ("devices 1 max_steps 1", "Requirement 'nothing>=1.13' not met.", "--trainer"),
        ("devices 0 accelerator cpu", "`Trainer(devices=0)` value is not valid using cpu.",
         "--trainer.devices 0"),
        ("max_time 1h devices 1", "`Timer(duration='1h')` is not a valid duration.",
         "--trainer.max_time 1h"),
        ("limit_val_batches 1.5 devices 1", "You have passed invalid value 1.5 for "
         "limit_val_batches, it has to be in [0.0, 1.0] or an int.",
         "--trainer.limit_val_batches 1.5"),
    ],
)  # fmt: skip
def test_an_error_of_the_trainer_blames_the_flag_that_it_is_about(
    words, message, blamed, monkeypatch
):
    pairs = words.split()
    flags = [f"--trainer.{word}" if n % 2 == 0 else word for n, word in enumerate(pairs)]
    assert parser_of(LoRA, SST2, flags, monkeypatch).blamed(message) == blamed
