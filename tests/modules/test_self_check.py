"""Checks of a module when it is built: what they find, and what they leave alone."""

import copy

import pytest
import torch
import transformers

from modules import (
    Classification,
    Embedding,
    FullFineTuning,
    LanguageModeling,
    LoRA,
    QuestionAnswering,
    TokenClassification,
    self_check,
)
from modules.finetuning import checks
from tests import tiny
from tests.backbones import families

pytestmark = pytest.mark.usefixtures("nothing_known")


def test_a_fault_is_one_line_and_what_passed_is_not_asked_again():
    asked = []

    def check(subject):
        asked.append(subject)
        return None if subject == "well" else "is broken"

    self_check.run_checks([check], lambda: "well", "one", "--model M: bert")
    self_check.run_checks([check], lambda: "ill", "one", "--model M: bert")
    assert asked == ["well"]
    for _ in range(2):  # a fault is found again
        with pytest.raises(ValueError, match=r"^--model M: bert: is broken$"):
            self_check.run_checks([check], lambda: "ill", "two", "--model M: bert")
    with self_check.disabled():
        self_check.run_checks([check], lambda: "ill", "two", "--model M: bert")


def test_it_is_off_by_the_environment(monkeypatch):
    monkeypatch.setenv("PRETUNE_SELF_CHECK", "off")
    self_check.run_checks([lambda subject: "is broken"], lambda: 0, "three", "--model M")


def test_an_error_of_a_library_is_a_line_and_one_of_ones_own_code_stays():
    def library(subject):
        torch.nn.functional.embedding(torch.tensor([9]), torch.zeros(2, 2))

    def own(subject):
        raise KeyError("mine")

    with pytest.raises(ValueError, match=r"^--model M: fails \(IndexError: index out of range"):
        self_check.run_checks([library], lambda: 0, "four", "--model M")
    with pytest.raises(KeyError, match="mine"):
        self_check.run_checks([own], lambda: 0, "five", "--model M")


def test_weights_and_random_numbers_are_what_they_are_without_a_check(bert):
    drawn = []
    for off in ("on", "off"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PRETUNE_SELF_CHECK", off)
            module = tiny.make(LoRA, bert)
            drawn.append((torch.rand(1), module.state_dict()))
            assert all(p.grad is None for p in module.parameters())
            assert module.model.training
    assert drawn[0][0] == drawn[1][0]
    assert all(torch.equal(value, drawn[1][1][name]) for name, value in drawn[0][1].items())


def test_a_trained_weight_without_gradient_is_named(bert):
    class Idle(FullFineTuning, abstract=True):
        def adapt(self, model):
            model.extra = torch.nn.Linear(2, 2)
            return super().adapt(model)

    with pytest.raises(ValueError, match=r"^--model Idle: bert: 2 of \d+ parameters .*extra"):
        Idle(backbone=bert)


@pytest.mark.parametrize(
    "task", [Classification, Embedding, LanguageModeling, QuestionAnswering, TokenClassification]
)
def test_a_network_that_mixes_padding_into_the_text_is_refused(task, tmp_path):
    folder = families.make("fnet", tmp_path)
    with pytest.raises(ValueError, match=r"^--model.backbone .*fnet reads the padding"):
        LoRA(backbone=folder, task=task())


@pytest.mark.slow
def test_a_large_network_is_tried_as_a_small_one_of_its_class(tmp_path, monkeypatch):
    """Qwen3-Next has a layer of full attention behind each three others."""
    folder = families.make("qwen3_next", tmp_path)
    config = transformers.AutoConfig.from_pretrained(folder)
    config.num_hidden_layers, config.num_attention_heads, config.hidden_size = 8, 8, 64
    config.layer_types = 2 * (3 * ["linear_attention"] + ["full_attention"])
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    monkeypatch.setattr(self_check, "LARGEST", 1)
    seen, whole = [], copy.deepcopy(checks.CHECKS)
    monkeypatch.setattr(checks, "CHECKS", [lambda subject: seen.append(subject.model), *whole])
    module = LoRA(backbone=folder, task=Classification())
    (small,) = seen
    assert (small.config.num_hidden_layers, small.config.hidden_size) == (4, 32)
    assert list(module.layers()) == [*(f"layer.{n}" for n in range(8)), "head"]
