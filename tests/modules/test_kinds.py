"""What a module's class says of itself is all that the runner has to know of its kind."""

import inspect

import pytest

from datamodules import Corpus, Instructions, TextFiles
from modules import CausalLM, InContext, LoRA, NextSentencePrediction, PromptTuning, ZeroShot
from modules.finetuning.base import FineTuningModule
from modules.pretraining.base import PretrainingModule
from modules.prompting.base import PromptingModule
from modules.registry import registered
from modules.tasks import Task
from tests import stories, tiny

BASES = [PretrainingModule, FineTuningModule, PromptingModule]
DATA = {PretrainingModule: [Corpus], FineTuningModule: [TextFiles, Instructions]}


def arguments(*classes: type) -> set[str]:
    """Of the constructors, with those that they hand to the class above."""
    above = [parent for kind in classes for parent in kind.__mro__ if "__init__" in vars(parent)]
    return {name for kind in above for name in inspect.signature(kind.__init__).parameters}


@pytest.mark.parametrize("base", BASES)
def test_links_name_what_exists(base):
    for data in DATA.get(base, [TextFiles]):
        known = {"model": arguments(base, InContext), "data": arguments(data)}
        for link in base.links:
            part, _, name = link.source.rpartition(".")
            assert hasattr(data, name) if link.built else not part or name in known[part]
            part, _, name = link.target.rpartition(".")
            assert name in known[part]


@pytest.mark.parametrize("base", BASES)
def test_the_default_task_is_a_task(base):
    assert base.default_task is None or base.default_task in registered(Task)
    assert ("task" in arguments(base)) == bool(base.default_task)


def test_what_only_asks_does_not_train(llama):
    tuned, asked = tiny.make(LoRA, llama), ZeroShot(backbone=llama)
    assert tuned.trains
    assert any(p.requires_grad for p in tuned.parameters())
    assert not asked.trains
    assert not any(p.requires_grad for p in asked.parameters())
    assert "Sentiment:" in asked.prompt_description()
    assert tuned.prompt_description() == ""


def test_an_objective_chooses_the_rows_of_its_corpus(tmp_path):
    path = stories.write(tmp_path)
    for objective, rows in ((NextSentencePrediction, "pairs"), (CausalLM, "dense")):
        module, data = stories.make(objective, path), Corpus(path)
        module.configure_data(data)
        assert data.kind == rows
        module.check_data(data)
    with pytest.raises(ValueError, match=r"--data.rows document: the objective needs .* pairs"):
        stories.make(NextSentencePrediction, path).configure_data(Corpus(path, rows="document"))


def test_a_prompt_that_leaves_too_little_room_is_refused(backbone, reviews):
    data = tiny.read(reviews, backbone)
    longest = data.max_row_length()
    tiny.make(PromptTuning, backbone, tokens=64 - longest).check_data(data)
    with pytest.raises(ValueError, match=f"room for {longest - 1} tokens, .* has {longest};"):
        tiny.make(PromptTuning, backbone, tokens=65 - longest).check_data(data)
    data.packing = True
    with pytest.raises(ValueError, match=r"--data.packing: the prompt of PromptTuning stands"):
        tiny.make(PromptTuning, backbone, tokens=1).check_data(data)
    tiny.make(LoRA, backbone).check_data(data)
