"""Modules, data and networks of one's own from Python, without a command line."""

import inspect

import lightning
import pytest
import torch
import transformers
from lightning.pytorch import LightningDataModule, Trainer
from torch.utils.data import DataLoader

import modules
from datamodules import argument_names
from modules import Classification, FullFineTuning, LanguageModeling, LoRA, Regression, ZeroShot
from modules.exporting import export
from tests import tiny

SETTINGS = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
SETTINGS |= {"accelerator": "cpu", "max_steps": 2, "enable_model_summary": False}


@pytest.fixture(autouse=True)
def python(monkeypatch):
    monkeypatch.setattr(argument_names, "_command_line", False)


def rows(keys=("input_ids", "attention_mask", "labels"), count=8, ids=20) -> DataLoader:
    """A plain loader of dicts with no more entries than these."""
    entries = {
        "input_ids": torch.arange(5, 9) % ids,
        "attention_mask": torch.ones(4, dtype=torch.int64),
        "labels": torch.tensor(1),
    }
    return DataLoader([{key: entries[key] for key in keys}] * count, batch_size=4)


def fit(module, *data, **settings) -> Trainer:
    trainer = Trainer(**SETTINGS | settings)
    trainer.fit(module, *data)
    return trainer


@pytest.mark.parametrize(
    ("task", "loader"),
    [
        (Classification(), rows()),
        (LanguageModeling(), rows(("input_ids", "attention_mask"))),
    ],
    ids=["Classification", "LanguageModeling"],
)
def test_a_loader_of_dicts_serves_every_task_that_needs_no_more(bert, task, loader):
    module = LoRA(backbone=bert, task=task)
    trainer = fit(module, loader, loader)
    (metrics,) = trainer.test(module, loader, verbose=False)
    assert metrics["test/loss"] > 0


@pytest.mark.parametrize(
    ("task", "loader", "message"),
    [
        (Classification(), rows(("input_ids", "labels")), "a batch lacks attention_mask, which "),
        (Classification(), rows(("input_ids", "attention_mask")), "a batch lacks labels, which "),
        (Classification(), DataLoader([(torch.ones(2), 1)] * 4), "a batch is a list and has to"),
        (modules.InstructionFollowing(), rows(), "a batch lacks supervised, which Instruction"),
        (modules.PromptedClassification(), rows(), "a batch lacks columns, which PromptedCla"),
    ],
)
def test_what_a_batch_lacks_is_named(bert, llama, task, loader, message):
    backbone = llama if isinstance(task, modules.InstructionFollowing) else bert
    with pytest.raises(ValueError, match=message):
        fit(LoRA(backbone=backbone, task=task), loader)


def test_ids_of_another_vocabulary(bert):
    loader = DataLoader([{**rows().dataset[0], "input_ids": torch.tensor([9, 7000, 9, 9])}] * 4)
    with pytest.raises(ValueError, match="a batch has the token id 7000, and the vocabulary of"):
        fit(LoRA(backbone=bert), loader)


def test_data_tokenised_for_another_model(bert, llama, reviews, tmp_path):
    data = tiny.read(reviews, llama)
    for module in (LoRA(backbone=bert), FullFineTuning(backbone=bert)):
        with pytest.raises(ValueError, match=r"^tokenizer=.*: the rows were tokenised for anothe"):
            fit(module, data)
    with pytest.raises(ValueError, match=r"^tokenizer=.*: the rows were tokenised for anothe"):
        Trainer(**SETTINGS).test(LoRA(backbone=bert), data)

    class Own(LightningDataModule):
        tokenizer = transformers.AutoTokenizer.from_pretrained(llama)

        def train_dataloader(self):
            return rows()

    with pytest.raises(ValueError, match="tokenised for another model than the module's"):
        fit(LoRA(backbone=bert), Own())


def test_data_and_module_that_agree_by_other_names(bert, reviews, tmp_path):
    (tmp_path / "copy").symlink_to(bert)
    fit(LoRA(backbone=bert), tiny.read(reviews, str(tmp_path / "copy")))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda bert, path: LoRA(backbone=bert, task=Classification(["one"])), "task.labels: "),
        (lambda bert, path: LoRA(backbone="no/such"), "backbone=no/such: "),
        (lambda bert, path: ZeroShot(backbone=bert, task=Regression()), "task=Regression: "),
        (lambda bert, path: tiny.read(path / "nix.csv", bert), "source: "),
    ],
)
def test_messages_speak_of_arguments(bert, tmp_path, call, message):
    with pytest.raises((ValueError, OSError), match=f"^{message}") as error:
        call(bert, tmp_path)
    assert "--" not in str(error.value)


def test_flags_and_the_words_of_python():
    say = argument_names.as_arguments
    assert say("--model.rank 0: must be above 0") == "rank=0: must be above 0"
    assert say("--model.task.labels: one class") == "task.labels: one class"
    assert say("--model LoRA: no") == "LoRA: no"
    assert say("use --data.batch_size 3 with --trainer.devices") == "use batch_size 3 with devices"
    assert str(inspect.signature(LoRA)).startswith("(rank: ")


def test_a_network_with_its_tokenizer(bert, reviews, tmp_path):
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    lightning.seed_everything(3, verbose=False)
    network = transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(bert))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    module = LoRA(backbone=(network, tokenizer))
    weights = module.model.get_base_model().base_model.state_dict()
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(weights[name], before[name])
    fit(module, tiny.read(reviews, module.hparams["backbone"]))
    assert all(torch.equal(value, before[n]) for n, value in network.state_dict().items())
    assert LoRA(backbone=(network, tokenizer)).hparams["backbone"] == module.hparams["backbone"]
    again = modules.load(export(module, tmp_path / "export"))
    assert again.predict(["a warm film"]) == module.predict(["a warm film"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda network: network, "backbone: a BertModel without its tokenizer; give backbone=("),
        (lambda network: (network, None), "backbone: a BertModel without its tokenizer"),
        (lambda network: torch.nn.Linear(2, 2), "backbone: a Linear, and not a name, a folder or"),
    ],
)
def test_a_network_that_cannot_be_read(bert, given, message):
    network = transformers.AutoModel.from_config(transformers.AutoConfig.from_pretrained(bert))
    with pytest.raises(ValueError, match=f"^{message}".replace("(", r"\(")):
        LoRA(backbone=given(network))
