"""Adapters against their closed forms: what trains, where they stand, what they do at first."""

import pytest
import torch
import transformers
from torch import nn

from modules import Adapter, Classification
from modules.finetuning.bottleneck import Bottleneck, sublayers
from tests import tiny

PLACEMENTS = ["houlsby", "pfeiffer", "parallel"]


@pytest.fixture(params=PLACEMENTS)
def placement(request) -> str:
    return request.param


def stir(module) -> None:
    """Away from the identity."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if ".adapter." in name:
                parameter.normal_(std=0.5)


def plain(backbone: str, module) -> nn.Module:
    """The backbone without adapters, under the module's own head."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        backbone, num_labels=2, attn_implementation="eager"
    )
    model.load_state_dict(module.model.state_dict(), strict=False)
    model.config.pad_token_id = module.model.config.pad_token_id
    return model.eval()


@pytest.mark.parametrize(
    ("settings", "size"), [({}, 1), ({"reduction_factor": 4}, 4), ({"size": 5}, 5)]
)
def test_trainable_parameters_equal_the_closed_form(backbone, placement, settings, size):
    task = Classification(num_classes=3)
    module = tiny.make(Adapter, backbone, placement=placement, task=task, **settings)
    each = 16 * size + size + size * 16 + 16
    head = 3 * 16 + (3 if "bert" in backbone else 0)
    wanted = 2 * each * (2 if placement == "houlsby" else 1) + head
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == wanted
    layers = {group: len(parameters) for group, parameters in module.layers().items()}
    both = 8 if placement == "houlsby" else 4
    assert layers == {"layer.0": both, "layer.1": both, "head": 2 if "bert" in backbone else 1}


def test_it_is_the_identity_at_first_and_not_later(backbone, placement, reviews):
    module = tiny.make(Adapter, backbone, placement=placement).eval()
    model, batch = plain(backbone, module), tiny.batch_of(backbone, reviews)
    with torch.no_grad():
        before = module.task.logits(model, batch)
        assert torch.equal(module(batch), before)
        stir(module)
        assert (module(batch) - before).abs().max() > 1e-2
    for name, value in model.named_parameters():
        assert torch.equal(value, module.model.get_parameter(name)), name


def test_gpt2_with_its_transposed_matrices(placement, bert, reviews, tmp_path):
    size = {"n_embd": 16, "n_layer": 2, "n_head": 2, "pad_token_id": 0, "initializer_range": 0.3}
    transformers.GPT2Model(transformers.GPT2Config(**size)).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path)
    module = tiny.make(Adapter, str(tmp_path), placement=placement).eval()
    model, batch = plain(str(tmp_path), module), tiny.batch_of(bert, reviews)
    with torch.no_grad():
        before = module.task.logits(model, batch)
        assert torch.equal(module(batch), before)
        stir(module)
        assert (module(batch) - before).abs().max() > 1e-2


def test_a_bottleneck_is_its_closed_form():
    layer = Bottleneck(6, 2, "relu", 3.0)
    assert not layer(torch.randn(4, 6)).any()
    nn.init.normal_(layer.up.weight)
    nn.init.normal_(layer.up.bias)
    x = torch.randn(4, 6)
    down, up = layer.down, layer.up
    hidden = (x @ down.weight.T + down.bias).clamp(min=0)
    torch.testing.assert_close(layer(x), 3.0 * (hidden @ up.weight.T + up.bias))


def test_placement_in_a_block_that_normalises_last(bert, placement):
    """BERT's, written out: norm(adapted sublayer + residual)."""
    module = tiny.make(Adapter, bert, placement=placement, size=3).eval()
    stir(module)
    block = module.model.bert.encoder.layer[0]
    first, last = block.attention.output, block.output
    x = torch.randn(2, 5, 16)
    with torch.no_grad():
        read = block.attention.self(x)[0]
        a = nn.functional.linear(read, first.dense.weight, first.dense.bias)
        if placement == "houlsby":
            a = a + first.dense.adapter(a)
        h = first.LayerNorm(a + x)
        f = nn.functional.linear(block.intermediate(h), last.dense.weight, last.dense.bias)
        f = f + last.dense.adapter(h if placement == "parallel" else f)
        torch.testing.assert_close(block(x), last.LayerNorm(f + h))
    assert hasattr(first.dense, "adapter") == (placement == "houlsby")
    assert last.dense.adapter.scale == (4.0 if placement == "parallel" else 1.0)


def test_placement_in_a_block_that_normalises_first(llama, placement):
    """Llama's, written out: adapted sublayer of the norm, + residual."""
    module = tiny.make(Adapter, llama, placement=placement, size=3, scale=2.0).eval()
    stir(module)
    model = module.model.model
    block = model.layers[0]
    x = torch.randn(2, 5, 16)
    turns = model.rotary_emb(x, torch.arange(5)[None])
    read = []
    block.self_attn.o_proj.register_forward_pre_hook(lambda _, args: read.append(args[0]))
    with torch.no_grad():
        got = block(x, position_embeddings=turns)
        a = nn.functional.linear(read[0], block.self_attn.o_proj.weight)
        if placement == "houlsby":
            a = a + block.self_attn.o_proj.adapter(a)
        h = a + x
        n = block.post_attention_layernorm(h)
        mlp = block.mlp
        gated = nn.functional.silu(mlp.gate_proj(n)) * mlp.up_proj(n)
        f = nn.functional.linear(gated, mlp.down_proj.weight)
        f = f + mlp.down_proj.adapter(n if placement == "parallel" else f)
        torch.testing.assert_close(got, h + f)
    assert mlp.down_proj.adapter.scale == 2.0


SMALL = {
    "roberta": ["attention.output.dense", "intermediate.dense", "output.dense"],
    "electra": ["attention.output.dense", "intermediate.dense", "output.dense"],
    "deberta-v2": ["attention.output.dense", "intermediate.dense", "output.dense"],
    "distilbert": ["attention.out_lin", "ffn.lin1", "ffn.lin2"],
    "modernbert": ["attn.Wo", "mlp.Wi", "mlp.Wo"],
    "gpt2": ["attn.c_proj", "mlp.c_fc", "mlp.c_proj"],
    "gpt_neox": ["attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"],
    "opt": ["self_attn.out_proj", "fc1", "fc2"],
    "qwen2": ["self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"],
    "gemma2": ["self_attn.o_proj", "mlp.gate_proj", "mlp.down_proj"],
}
SIZE = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "num_key_value_heads": 2,
    "vocab_size": 9,
    "pad_token_id": 0,
}


def small(kind: str, **settings) -> nn.Module:
    names = transformers.AutoConfig.for_model(kind)
    size = {key: value for key, value in SIZE.items() if hasattr(names, key)}
    config = transformers.AutoConfig.for_model(kind, **size, **settings)
    return transformers.AutoModelForSequenceClassification.from_config(config)


@pytest.mark.parametrize("kind", SMALL)
def test_sublayers_of_other_architectures(kind):
    extra = {"opt": {"word_embed_proj_dim": 16, "ffn_dim": 24}, "gemma2": {"head_dim": 8}}
    model = small(kind, **extra.get(kind, {}))
    names = {layer: name for name, layer in model.named_modules()}
    found = [[names[layer] for layer in layers] for layers in sublayers(model, 16)]
    assert len(found) == 2
    for number, layers in enumerate(found):
        ends = [name.partition(f".{number}.")[2] for name in layers]
        assert ends == SMALL[kind], ends


@pytest.mark.parametrize("kind", ["mixtral", "fnet"])
def test_an_architecture_that_is_not_understood_is_named_in_one_line(kind):
    model = small(kind)  # experts in place of a feed-forward block; no attention
    with pytest.raises(ValueError, match=f"--model Adapter: {kind} is not made of") as error:
        list(sublayers(model, 16))
    assert "\n" not in str(error.value)


def test_a_reduction_to_nothing_is_refused_in_one_line(bert):
    with pytest.raises(ValueError, match=r"--model.reduction_factor 17: more than 16 columns"):
        tiny.make(Adapter, bert, reduction_factor=17)
    assert tiny.make(Adapter, bert, reduction_factor=16)


def test_it_trains_in_bf16_with_adapters_in_fp32(backbone, placement, reviews):
    module = tiny.make(Adapter, backbone, placement=placement)
    before = tiny.trained(module)
    data = tiny.read(reviews, backbone, batch_size=8)
    tiny.fit(module, data, max_epochs=1, precision="bf16-mixed")
    for name, value in tiny.trained(module).items():
        assert value.dtype == torch.float32, name
        assert not torch.equal(value, before[name]), name
