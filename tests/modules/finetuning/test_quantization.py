"""Frozen matrices in 8 and 4 bits: the network that they stand for, trained and refused as such."""

import copy

import pytest
import torch
import transformers
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning.pytorch.strategies import FSDPStrategy
from transformers.pytorch_utils import Conv1D

import modules
from datamodules import optional
from modules import BitFit, FullFineTuning, LoRA, PartialFreezing
from modules.finetuning import quantization
from modules.finetuning.quantization import dequantized, num_parameters, packed_layers
from modules.packed_layer import pack, unpack
from tests import tiny
from tests.conftest import SIZES, save_byte_pairs
from tests.modules import cells

bitsandbytes = pytest.importorskip("bitsandbytes")
TRAIN_MATRICES = (FullFineTuning, PartialFreezing)


@pytest.fixture(params=["8bit", "4bit"])
def bits(request) -> str:
    return request.param


def by_library(matrix: torch.Tensor, bits: str) -> torch.Tensor:
    """A matrix after the library has packed and unpacked it."""
    functions = bitsandbytes.functional
    if bits == "8bit":
        codes, scales, _ = functions.int8_vectorwise_quant(matrix.half())
        return codes * scales[:, None] / 127
    return functions.dequantize_4bit(
        *functions.quantize_4bit(matrix, quant_type="nf4", compress_statistics=True)
    )


def twin(module):
    """A copy of a module in which the packed matrices are plain numbers."""
    made = copy.deepcopy(module)
    made.model = dequantized(made.model)
    return made


def codes(module) -> list[torch.Tensor]:
    return [layer.packed.codes.clone() for layer in packed_layers(module)]


def test_logits_and_gradients_are_those_of_the_matrices_that_the_codes_stand_for(
    bits, backbone, reviews
):
    module = cells.stirred(LoRA, backbone, modules.Classification(), quantize=bits)
    plain = twin(module)
    whole = tiny.make(LoRA, backbone).model.get_base_model()
    named = dict(plain.model.get_base_model().named_modules())
    layers = [name for name in named if name.endswith("base_layer")]
    assert len(layers) == len(packed_layers(module)) >= 12
    for name in layers:
        wanted = by_library(whole.get_submodule(name).weight.data, bits)
        torch.testing.assert_close(named[name].weight.data, wanted, atol=1e-7, rtol=1e-6)
    batch, grads = tiny.batch_of(backbone, reviews), []
    for one in (module, plain):
        loss = one.task.loss(one(batch), batch)
        named = {n: p for n, p in one.named_parameters() if p.requires_grad}
        grads.append(dict(zip(named, torch.autograd.grad(loss, named.values()), strict=True)))
    torch.testing.assert_close(tiny.logits(module, batch), tiny.logits(plain, batch))
    torch.testing.assert_close(grads[0], grads[1], atol=1e-6, rtol=1e-4)


def test_eight_bits_are_nearer_than_four_and_both_take_less_memory(backbone, reviews):
    whole = tiny.make(LoRA, backbone)
    batch, off, held = tiny.batch_of(backbone, reviews), {}, {}
    wanted = tiny.logits(whole, batch)
    for bits in ("8bit", "4bit"):
        module = tiny.make(LoRA, backbone, quantize=bits)
        off[bits] = (tiny.logits(module, batch) - wanted).norm() / wanted.norm()
        layers = packed_layers(module)
        held[bits] = sum(x.packed.nbytes() for x in layers)
        assert num_parameters(module) == sum(p.numel() for p in whole.parameters())
    assert 0 < off["8bit"] < 0.05 and off["8bit"] < off["4bit"] < 0.5
    # Beside half a byte, 1 / 64 of a byte for scales, and two tables of the codes' values.
    full, tables = 4 * sum(x.num_packed_weights for x in layers), 1088 * len(layers)
    assert held["8bit"] < 0.27 * full + 4 * 32 * len(layers)
    assert held["4bit"] < 0.13 * full + tables + 16 * len(layers)


@pytest.mark.quick_if(lambda case: case["strategy"] in (LoRA, BitFit) and case["bits"] == "4bit")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("strategy", tiny.STRATEGIES, ids=lambda strategy: strategy.__name__)
def test_every_strategy_trains_its_own_weights_or_says_why_not(
    strategy, bits, precision, bert, reviews, tmp_path
):
    if strategy in TRAIN_MATRICES:
        line = rf"^--model.quantize {bits}: {strategy.__name__} trains \d+ matrices of the backbone"
        with pytest.raises(ValueError, match=f"{line}.*only frozen ones.*--model LoRA") as raised:
            tiny.make(strategy, bert, quantize=bits)
        assert "\n" not in str(raised.value)
        return
    module = tiny.make(strategy, bert, quantize=bits)
    before = codes(module)
    module, _ = tiny.trained_and_loaded(module, reviews, tmp_path, precision)
    assert before and all(map(torch.equal, codes(module), before))
    assert {p.dtype for p in module.parameters() if p.requires_grad} == {torch.float32}


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["64-true", "bf16-true", "16-true"])
def test_no_precision_and_no_average_of_weights_touches_the_codes(precision, bits, llama, reviews):
    module, data = tiny.make(LoRA, llama, quantize=bits), tiny.read(reviews, llama, batch_size=8)
    before, matrix = codes(module), packed_layers(module)[0].weight
    average = EMAWeightAveraging(decay=0.9)
    done = tiny.fit(module, data, average, max_epochs=1, precision=precision)
    assert 0 < done.logger.values("val/loss")[-1][1] < 2
    assert all(map(torch.equal, codes(module), before))
    assert torch.equal(packed_layers(module)[0].weight, matrix)


@pytest.mark.slow
@pytest.mark.parametrize("config", sorted(modules.finetuning.any_peft.configs()))
def test_adapters_of_peft_read_what_the_codes_stand_for(config, bert, reviews):
    try:
        tiny.make(modules.Peft, bert, config=config)
    except ValueError:
        pytest.skip("refused in full precision, too")
    try:
        module = cells.stirred(
            modules.Peft, bert, modules.Classification(), config=config, quantize="4bit"
        )
    except ValueError as error:
        assert str(error).startswith("--model.quantize 4bit: Peft begins by changing ")
        return
    batch = tiny.batch_of(bert, reviews)
    wanted = tiny.logits(twin(module), batch)
    torch.testing.assert_close(tiny.logits(module, batch), wanted, atol=1e-4, rtol=1e-4)


def test_gpt2_has_matrices_on_their_side(bits, tmp_path, reviews):
    save_byte_pairs(tmp_path)
    size = len(transformers.AutoTokenizer.from_pretrained(tmp_path))
    config = transformers.GPT2Config(
        vocab_size=size, n_embd=16, n_layer=2, n_head=2, n_positions=64
    )
    transformers.GPT2Model(config).save_pretrained(tmp_path)
    module = cells.stirred(LoRA, str(tmp_path), modules.Classification(), quantize=bits)
    batch = tiny.batch_of(str(tmp_path), reviews)
    plain, whole = twin(module), tiny.make(LoRA, str(tmp_path))
    torch.testing.assert_close(tiny.logits(module, batch), tiny.logits(plain, batch))
    found = {n: m for n, m in plain.model.named_modules() if isinstance(m, Conv1D)}
    assert len(found) == len(packed_layers(module)) == 8
    for name, layer in found.items():
        wanted = by_library(whole.model.get_submodule(name).weight.T.contiguous().data, bits).T
        torch.testing.assert_close(layer.weight.data, wanted, atol=1e-7, rtol=1e-6)


def test_a_layer_keeps_its_hooks_and_moves_and_is_a_layer_again(bits):
    layer = torch.nn.Linear(5, 3)  # odd, so that the last byte is half full
    layer.register_forward_hook(lambda layer, inputs, output: output + 1)
    wanted, inputs = by_library(layer.weight.detach(), bits), torch.randn(2, 4, 5)
    bias = layer.bias
    pack(layer, bits)
    assert layer.bias is bias and "weight" not in layer.state_dict()
    found = copy.deepcopy(layer).bfloat16().float()(inputs)
    torch.testing.assert_close(found, inputs @ wanted.T + bias + 1, atol=2e-3, rtol=1e-2)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(inputs).dtype == torch.bfloat16
    unpack(layer)
    assert type(layer) is torch.nn.Linear and not layer.weight.requires_grad
    torch.testing.assert_close(layer(inputs), inputs @ wanted.T + bias + 1)


def test_embeddings_output_layer_and_head_stay_as_they_are(llama):
    module = tiny.make(LoRA, llama, task=modules.LanguageModeling(), quantize="4bit")
    model = module.model.get_base_model()
    assert len(packed_layers(module)) == SIZES["num_hidden_layers"] * 7
    assert isinstance(model.lm_head.weight, torch.nn.Parameter)
    assert not packed_layers(model.lm_head)


def test_what_cannot_be_quantised_is_refused_in_a_line(bert, reviews, monkeypatch):
    lead = "--model.quantize 4bit: "
    with pytest.raises(ValueError, match=f"^{lead}LoRA begins by changing .*initialization"):
        tiny.make(LoRA, bert, initialization="pissa", quantize="4bit")
    monkeypatch.setattr(quantization, "_SPLIT", (*quantization._SPLIT, object))
    assert FSDPStrategy in quantization._SPLIT
    with pytest.raises(ValueError, match=f"^{lead}--trainer.strategy .* cannot be split; take ddp"):
        tiny.fit(tiny.make(LoRA, bert, quantize="4bit"), tiny.read(reviews, bert))
    monkeypatch.setattr(optional.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"^bitsandbytes, which .*, is missing: pip install .*\[q"):
        tiny.make(LoRA, bert, quantize="4bit")
