"""The loss of responses: against transformers, packed against padded, and what may not matter."""

import json
import math

import pytest
import torch
import transformers
from lightning.pytorch import Callback

from datamodules import Instructions
from modules import FullFineTuning, InstructionFollowing, LoRA, backbones, output_layer
from modules.generation import stop_token_ids
from tests import chats, tiny
from tests.experiments.chatting import save_speaker


@pytest.fixture(scope="module")
def speaker(tmp_path_factory) -> str:
    """A Llama of two layers that knows ChatML."""
    return save_speaker(tmp_path_factory.mktemp("speaker"))


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("records")
    rows = [{"instruction": f"Say {n}.", "output": f"{n} " * (1 + n % 9)} for n in range(40)]
    for split, part in {"train": rows[:24], "dev": rows[24:32], "test": rows[32:]}.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part))
    return str(folder)


def read(source, speaker, **settings) -> Instructions:
    settings = {"max_length": 160, "batch_tokens": 800, **settings}
    data = Instructions(source, speaker, **settings)
    data.setup("fit")
    return data


def make(speaker, strategy=FullFineTuning, **settings):
    return tiny.make(strategy, speaker, task=InstructionFollowing(), **settings)


def sums(module, batch) -> tuple[float, int]:
    batch = module.task.prepare(batch, training=False)
    return float(tiny.logits(module, batch)[0]), int(module.task.num_targets(batch))


def gradients(module, batches) -> dict[str, torch.Tensor]:
    """Of the mean over all learned tokens."""
    module.zero_grad()
    batches = [module.task.prepare(batch, training=False) for batch in batches]
    count = sum(module.task.num_targets(batch) for batch in batches)
    for batch in batches:
        (module(batch)[0] / count).backward()
    return {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}


def test_the_loss_is_that_of_transformers(speaker, source):
    module, rows = make(speaker).eval(), read(source, speaker)._rows["train"]
    for chosen in ([5], list(range(8))):
        batch = rows.__getitems__(chosen)
        labels = batch["input_ids"].where(batch["supervised"], -100)
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        with torch.no_grad():
            out = module.model(**inputs, labels=labels)
        total, count = sums(module, batch)
        assert count == int(batch["supervised"].sum())
        assert total / count == pytest.approx(float(out.loss), rel=1e-5)
        right = (out.logits.argmax(-1)[:, :-1] == labels[:, 1:]).sum()
        prepared = module.task.prepare(batch, training=False)
        assert int(tiny.logits(module, prepared)[1]) == int(right)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("strategy", [FullFineTuning, LoRA])
def test_packed_and_padded_are_the_same_to_rounding(
    speaker, source, attention, strategy, monkeypatch
):
    monkeypatch.setattr(backbones, "attn_implementation", lambda *_: attention)
    module = make(speaker, strategy).eval()
    found = []
    for packing in (False, True):
        rows = read(source, speaker, packing=packing)._rows["train"]
        batches = [rows.__getitems__(list(range(len(rows)))[n::2]) for n in range(2)]
        parts = [sums(module, batch) for batch in batches]
        found.append(
            (sum(p[0] for p in parts), sum(p[1] for p in parts), gradients(module, batches))
        )
    (padded, count, one), (packed, same, other) = found
    assert count == same
    assert packed == pytest.approx(padded, rel=1e-5)
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_no_record_of_a_row_sees_another(speaker, source, attention, monkeypatch):
    monkeypatch.setattr(backbones, "attn_implementation", lambda *_: attention)
    module, rows = make(speaker).eval(), read(source, speaker, packing=True)._rows["train"]
    row = max(range(len(rows)), key=lambda number: len(rows.packs[number]))
    batch = rows.__getitems__([row])
    begins = (batch["position_ids"][0] == 0).nonzero()[:, 0].tolist()
    assert len(begins) > 1
    last = begins[-1]
    changed = {**batch, "input_ids": batch["input_ids"].clone()}
    changed["input_ids"][0, :last] = (changed["input_ids"][0, :last] + 1) % 50
    only = torch.arange(batch["input_ids"].shape[1]) >= last
    masked = [{**one, "supervised": one["supervised"] & only} for one in (batch, changed)]
    assert sums(module, masked[0]) == sums(module, masked[1])
    joined = {key: value for key, value in batch.items() if key != "position_ids"}
    joined["supervised"] = joined["supervised"] & only
    assert sums(module, joined)[0] != pytest.approx(sums(module, masked[0])[0], rel=1e-4)


def test_the_output_layer_runs_where_something_is_learned_only(speaker, source, monkeypatch):
    module, rows = make(speaker).eval(), read(source, speaker)._rows["train"]
    seen = []
    real = output_layer.chunked_cross_entropy

    def counted(hidden, *rest):
        seen.append(len(hidden))
        return real(hidden, *rest)

    monkeypatch.setattr(output_layer, "chunked_cross_entropy", counted)
    batch = rows.__getitems__([1, 2, 3])
    sums(module, batch)
    assert seen == [int(batch["supervised"].sum())]


def test_logits_that_are_scaled_behind_the_output_layer(speaker, source, tmp_path):
    """As Granite's and Cohere's are: then the model's own logits are taken."""
    config = transformers.GraniteConfig(
        **{
            k: v
            for k, v in transformers.AutoConfig.from_pretrained(speaker).to_dict().items()
            if k in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                     "num_attention_heads", "num_key_value_heads", "initializer_range")
        },
        logits_scaling=8.0,
        bos_token_id=None,
        eos_token_id=0,
    )  # fmt: skip
    transformers.GraniteForCausalLM(config).save_pretrained(tmp_path)
    chats.tokenizer("chatml").save_pretrained(tmp_path)
    module, batch = (
        make(str(tmp_path)).eval(),
        read(source, speaker)._rows["train"].__getitems__([1, 2]),
    )
    assert not output_layer.selection(module.model).chunks
    assert output_layer.selection(make(speaker).model) == ("body", True, True)
    labels = batch["input_ids"].where(batch["supervised"], -100)
    with torch.no_grad():
        wanted = module.model(batch["input_ids"], labels=labels).loss
    total, count = sums(module, batch)
    assert total / count == pytest.approx(float(wanted), rel=1e-5)


class Gradients(Callback):
    def __init__(self) -> None:
        self.found: list[dict[str, torch.Tensor]] = []
        self.batches: list = []

    def on_train_batch_start(self, trainer, module, batch, batch_idx) -> None:
        self.batches.append(batch)

    def on_before_zero_grad(self, trainer, module, optimizer) -> None:
        grads = {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}
        self.found += [grads] if grads else []


def test_accumulated_batches_weigh_by_their_learned_tokens(speaker, source):
    module, seen = make(speaker, learning_rate=1e-30, weight_decay=0.0), Gradients()
    data = read(source, speaker, batch_tokens=400)
    tiny.fit(
        module, data, seen, max_epochs=2, accumulate_grad_batches=3, limit_val_batches=0,
        limit_train_batches=3,
    )  # fmt: skip
    sizes = {int(batch["supervised"].sum()) for batch in seen.batches[:3]}
    assert len(sizes) > 1
    for name, value in gradients(module.train(), seen.batches[:3]).items():
        torch.testing.assert_close(seen.found[0][name], value, atol=1e-6, rtol=1e-3)


def test_perplexity_and_accuracy_are_of_all_learned_tokens(speaker, source):
    module, data = make(speaker), read(source, speaker, batch_tokens=200)
    shown = tiny.trainer([]).validate(module, data, verbose=False)[0]
    rows = data._rows["validation"]
    batch = rows.__getitems__(list(range(len(rows))))
    total, count = sums(module, batch)
    assert shown["val/loss"] == pytest.approx(total / count, rel=1e-5)
    assert shown["val/perplexity"] == pytest.approx(math.exp(total / count), rel=1e-4)
    right = tiny.logits(module, module.task.prepare(batch, training=False))[1]
    assert shown["val/token_accuracy"] == pytest.approx(float(right) / count, rel=1e-5)


def test_it_learns_the_responses(speaker, source):
    module, data = make(speaker, learning_rate=1e-2, schedule="constant"), read(source, speaker)
    rows = data._rows["train"]
    batch = rows.__getitems__(list(range(len(rows))))
    before = sums(module, batch)[0]
    tiny.fit(module.train(), data, max_epochs=20, limit_val_batches=0)
    assert sums(module, batch)[0] < 0.5 * before


def test_answers_do_not_depend_on_those_beside_them(speaker):
    module, tokenizer = make(speaker).eval(), chats.tokenizer("chatml")
    prompts = [tokenizer(text)["input_ids"] for text in ("a", "some longer one", "b c")]
    together = module.task.generate(module.model, tokenizer, prompts, 8)
    assert together == [module.task.generate(module.model, tokenizer, [p], 8)[0] for p in prompts]
    assert together == module.task.generate(module.model, tokenizer, prompts, 8, batch_size=2)


@pytest.mark.parametrize(
    ("template", "wanted"),
    [("chatml", ["<|im_end|>", "</s>"]), ("headers", ["<|eot_id|>", "</s>"]), ("plain", ["</s>"])],
)
def test_what_ends_an_answer(template, wanted):
    tokenizer = chats.tokenizer(template)
    assert tokenizer.convert_ids_to_tokens(stop_token_ids(tokenizer)) == wanted


def test_an_encoder_is_refused(bert):
    with pytest.raises(ValueError, match=r"^--model.task InstructionFollowing: .* is an encoder"):
        make(bert)
