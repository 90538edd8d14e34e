"""Batches without padding: the same losses and gradients, and no work for padding."""

import pytest
import torch
import transformers

from modules import (
    FullFineTuning,
    InstructionFollowing,
    LoRA,
    PrefixTuning,
    PromptTuning,
    output_layer,
    varlen_attention,
)
from modules.checkpointing import GradientCheckpointing
from modules.padding_free import PaddingFree
from tests import tiny
from tests.backbones import families

pytestmark = pytest.mark.usefixtures("nothing_known")

READ = ("bert", "roberta", "modernbert", "gpt2", "llama", "qwen2", "gemma3_text")
REFUSED = ("t5", "fnet", "xlnet", "deberta-v2", "bloom", "gptj", "gemma2", "mamba", "jamba")


class Holder(torch.nn.Module):
    """What the callback looks for networks in."""

    def __init__(self, model):
        super().__init__()
        self.model = model


def network(family, tmp_path, auto="AutoModelForSequenceClassification", attention="eager"):
    place = families.make(family, tmp_path)
    made = getattr(transformers, auto).from_pretrained(place, attn_implementation=attention)
    return made.eval()


def rows(left=False):
    """Rows of 7, 3 and 5 tokens."""
    ids_BT = torch.randint(5, 50, (3, 7), generator=torch.Generator().manual_seed(1))
    sizes = torch.tensor([7, 3, 5])[:, None]
    places = torch.arange(7)
    mask_BT = (places >= 7 - sizes if left else places < sizes).long()
    return {"input_ids": ids_BT * mask_BT, "attention_mask": mask_BT}


def with_gradients(model, inputs):
    model.zero_grad()
    logits = model(**inputs).logits
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 0])).backward()
    return logits, {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.quick_if(lambda case: case["family"] in ("bert", "llama"))
@pytest.mark.parametrize("attention", varlen_attention.OTHERS)
@pytest.mark.parametrize("family", READ)
def test_logits_and_gradients_are_those_of_padded_rows(family, attention, tmp_path):
    model, holder = network(family, tmp_path, attention=attention), PaddingFree()
    model.config.pad_token_id = 0
    wanted, gradients = with_gradients(model, rows())
    holder.check(Holder(model))
    holder.install(Holder(model))
    found, others = with_gradients(model, rows())
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(others, gradients, rtol=1e-3, atol=1e-5)
    holder.remove()
    assert torch.equal(model(**rows()).logits, wanted)
    assert model.config._attn_implementation == attention and "forward" not in vars(model)


def test_padding_before_the_text_is_left_out_too(tmp_path):
    model, without = network("llama", tmp_path, "AutoModelForCausalLM"), PaddingFree()
    inputs = rows(left=True)
    here = inputs["attention_mask"].bool()
    wanted = model(**inputs, position_ids=(here.cumsum(1) - 1).clamp(min=0)).logits[here]
    without.install(Holder(model))
    torch.testing.assert_close(model(**inputs).logits[here], wanted, rtol=1e-4, atol=1e-5)


def test_no_layer_runs_on_padding_and_other_batches_run_as_they_are(tmp_path):
    model, without, seen = network("bert", tmp_path), PaddingFree(), []
    without.install(Holder(model))
    layer = model.base_model.encoder.layer[0]
    layer.register_forward_pre_hook(lambda part, given: seen.append(given[0].shape[:2]))
    inputs = rows()
    model(**inputs)
    model(inputs["input_ids"][:1])
    model(**{name: value[:2] for name, value in inputs.items()})
    assert seen == [(1, 64), (1, 7), (1, 64)]  # of 15 and of 10 tokens in steps of 64


def test_a_text_longer_than_a_window_keeps_the_padding(tmp_path):
    model, without, seen = network("modernbert", tmp_path), PaddingFree(), []
    window = model.config.sliding_window or model.config.local_attention
    without.install(Holder(model))
    model.base_model.layers[0].register_forward_pre_hook(
        lambda part, given: seen.append(given[0].shape[:2])
    )
    for length in (window // 2, window // 2 + 1):
        ids_BT, mask_BT = torch.full((2, length), 7), torch.ones(2, length)
        mask_BT[1, 3:] = 0
        model(input_ids=ids_BT, attention_mask=mask_BT)
    assert seen == [(1, 64), (2, window // 2 + 1)]


@pytest.mark.quick_if(lambda case: case["family"] in ("t5", "fnet"))
@pytest.mark.parametrize("family", REFUSED)
def test_a_network_that_cannot_is_refused(family, tmp_path):
    model = network(family, tmp_path, "AutoModel")
    with pytest.raises(ValueError, match="padding_free true: Holder: .* cannot keep texts apart"):
        PaddingFree().check(Holder(model))


def test_a_prefix_and_a_module_without_a_network_are_refused(bert):
    with pytest.raises(ValueError, match="a prefix of keys and values stands before each row"):
        PaddingFree().check(tiny.make(PrefixTuning, bert))
    with pytest.raises(ValueError, match="no network of transformers"):
        PaddingFree().check(torch.nn.Linear(1, 1))
    PaddingFree(enabled=False).check(torch.nn.Linear(1, 1))


@pytest.mark.parametrize("strategy", [FullFineTuning, LoRA, PromptTuning])
def test_a_training_is_the_same(strategy, bert, reviews):
    data, curves = tiny.read(reviews, bert, batch_size=8), []
    for callbacks in ([], [PaddingFree()], [PaddingFree(), GradientCheckpointing()]):
        module = tiny.make(strategy, bert, backbone_dropout=0.0)
        runs = tiny.fit(module, data, *callbacks, max_epochs=1)
        curves.append([value for _, value in runs.logger.values("train/loss")])
        assert module.model.config._attn_implementation == "eager"
    assert len(curves[0]) > 1 and curves[0][0] != curves[0][-1]
    for other in curves[1:]:
        assert other == pytest.approx(curves[0], rel=1e-4)


def test_packed_conversations_are_told_apart(tmp_path):
    model, without = network("llama", tmp_path, "AutoModelForCausalLM"), PaddingFree()
    ids_BT = rows()["input_ids"][:2].clamp(min=5)
    positions = torch.tensor([[0, 1, 2, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5, 6]])
    supervised = torch.ones_like(ids_BT, dtype=torch.bool)
    supervised[positions == 0] = False
    task = InstructionFollowing()
    batch = {"input_ids": ids_BT, "supervised": supervised, "position_ids": positions}
    batch["attention_mask"] = torch.ones_like(ids_BT)
    batch = task.prepare(batch, True)
    wanted = task.logits(model, batch)
    without.install(Holder(model))
    torch.testing.assert_close(task.logits(model, batch), wanted, rtol=1e-5, atol=1e-5)


def test_the_last_layer_runs_on_few_tokens_here_too(tmp_path):
    model, inputs, seen = network("llama", tmp_path, "AutoModelForCausalLM"), rows(), []
    chosen_BT = torch.zeros(3, 7, dtype=torch.bool)
    chosen_BT[[0, 1, 2], [4, 1, 2]] = True
    targets = inputs["input_ids"][chosen_BT]
    wanted, _, _ = output_layer.lm_loss(model, inputs, chosen_BT, targets)
    PaddingFree().install(Holder(model))
    model.base_model.layers[-1].mlp.register_forward_hook(
        lambda part, given, made: seen.append(tuple(given[0].shape[:-1]))
    )
    found, _, _ = output_layer.lm_loss(model, inputs, chosen_BT, targets)
    torch.testing.assert_close(found, wanted)
    assert seen == [(64,)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("causal", [True, False])
def test_the_kernel_of_a_gpu_gives_what_padded_rows_give(causal):
    starts = torch.tensor([0, 7, 10, 15], device="cuda", dtype=torch.int32)
    heads = [torch.randn(count, 15, 64, device="cuda").bfloat16() for count in (4, 2, 2)]
    settings = (varlen_attention._Rows(*heads), starts, 7, 0.125, causal, 0.0)
    found, wanted = varlen_attention._flash(*settings), varlen_attention._padded(*settings)
    torch.testing.assert_close(found, wanted, rtol=2e-2, atol=2e-2)
