"""Checks that run a network: the same wherever they are made, and without a trace."""

import contextlib
import json
import random
import warnings

import numpy as np
import pytest
import torch
import transformers

import modules
from datamodules import Instructions
from modules import causal_checks, output_layer, self_check
from modules.finetuning import checks
from modules.finetuning.freezing import cast_frozen_to_bf16
from tests import tiny
from tests.experiments.chatting import save_speaker

pytestmark = pytest.mark.usefixtures("nothing_known")

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 50}
LLAMA = {**SIZES, "intermediate_size": 24, "initializer_range": 0.3, "num_key_value_heads": 1}
AROUND = {
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "grad": torch.enable_grad,
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "device": lambda: torch.device("meta"),
}
QUICK = [("autocast", "mixed"), ("inference_mode", "float32"), ("device", "float32")]
QUESTIONS = [
    causal_checks.sees_later_tokens,
    causal_checks.keeps_texts_apart,
    causal_checks.reads_each_token_alone,
    output_layer.selection,
]


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def llama():
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model("llama", **LLAMA)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    return model.train()


def answers(model) -> list:
    return [question(model) for question in QUESTIONS]


def numbers() -> tuple:
    return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())


@pytest.mark.quick_if(lambda case: (case["around"], case["weights"]) in QUICK)
@pytest.mark.parametrize("weights", ["float32", "mixed", "bfloat16"])
@pytest.mark.parametrize("around", AROUND)
def test_questions_have_one_answer_and_leave_no_trace(around, weights):
    """As where a trainer has left the frozen matrices in bf16, and runs under autocast."""
    model = llama()
    if weights == "mixed":
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("norm" in name)
        cast_frozen_to_bf16(model)
    elif weights == "bfloat16":
        model = model.bfloat16()
    held = {name: (id(value), value.dtype, value.clone()) for name, value in tensors(model)}
    before = numbers()
    with AROUND[around](), warnings.catch_warnings():
        warnings.simplefilter("error")  # so that a second answer is no other
        modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
        assert answers(model) == [False, True, False, ("body", True, True)]
        assert modes == (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
    assert numbers() == before
    assert all(module.training for module in model.modules())
    for name, value in tensors(model):
        assert (id(value), value.dtype) == held[name][:2]
        assert torch.equal(value, held[name][2])


def tensors(model):
    yield from (*model.named_parameters(), *model.named_buffers())


@pytest.mark.quick_if(lambda case: case["around"] == "autocast")
@pytest.mark.parametrize("around", ["autocast", "bfloat16", "no_grad"])
def test_a_strategy_is_checked_alike(around, bert, monkeypatch):
    found = []
    noted = lambda *asked: found.append(checks.trains_in_part(*asked)) or found[-1]  # noqa: E731
    monkeypatch.setattr(checks, "CHECKS", [noted, *checks.CHECKS[1:]])
    noted.__qualname__ = f"noted_{around}"
    with AROUND[around]():
        before = numbers()
        modules.LoRA(backbone=bert)
        assert numbers()[1:] == before[1:]
    assert found == [None]


def test_what_a_check_makes_is_float32_and_has_gradients():
    with torch.inference_mode(), default_dtype(torch.bfloat16), self_check.neutral():
        with torch.enable_grad():
            made = torch.ones(2, requires_grad=True)
            assert (made * 2).sum().requires_grad and made.dtype == torch.float32
        with torch.autocast("cpu", torch.bfloat16), self_check.neutral():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert torch.get_default_dtype() == torch.float32


def test_packed_records_train_in_mixed_precision_without_a_check_of_the_data(tmp_path):
    """The first step asks whether texts are kept apart, inside of the trainer's autocast."""
    speaker, source = save_speaker(tmp_path / "speaker"), tmp_path / "records"
    source.mkdir()
    rows = [{"instruction": f"Say {n}.", "output": f"{n} " * (1 + n % 9)} for n in range(24)]
    for split in ("train", "dev", "test"):
        (source / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = Instructions(str(source), speaker, max_length=160, batch_tokens=800, packing=True)
    module = tiny.make(modules.LoRA, speaker, task=modules.InstructionFollowing())
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*cannot keep texts apart")
        tiny.fit(module, data, max_steps=1, precision="bf16-mixed")
    assert causal_checks.keeps_texts_apart(module.model.get_base_model())
