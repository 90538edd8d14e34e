"""Every strategy with every task: it trains, its checkpoint and its export give the same logits."""

import json
import math

import pytest
import torch
import transformers
from torch.utils.data import DataLoader

from modules import (
    Adapter,
    FullFineTuning,
    InstructionFollowing,
    LanguageModeling,
    LoRA,
    MultiLabel,
    Regression,
    load,
)
from modules.exporting import export
from modules.finetuning.targets import head_modules
from modules.masking import mask_tokens
from tests import tiny
from tests.modules.tasks.every_task import DECODERS, data_for, pairs, task_for

# What a strategy cannot do: it says so in one line.
TOKENS = """LanguageModeling PromptedClassification InstructionFollowing TokenClassification
    QuestionAnswering Preference Embedding SequenceToSequence PromptedGeneration""".split()
IMPOSSIBLE = {("LinearProbe", kind) for kind in TOKENS}


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Texts with a number, several names and a second text each: train and dev."""
    folder = tmp_path_factory.mktemp("scored")
    words = ["good", "bad", "warm", "cold", "film", "tale"]
    rows = []
    for number in range(32):
        picked = [word for bit, word in enumerate(words) if number >> (bit % 5) & 1 or bit == 5]
        names = [word for word in picked if word in ("good", "bad", "film")]
        score = len(names) - 1.5
        rows.append({"text": " ".join(picked), "pair": "a film", "score": score, "names": names})
    for split, part in {"train": rows[:24], "dev": rows[24:]}.items():
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, part)))
    return folder


@pytest.mark.parametrize("kind", DECODERS)
def test_a_task_of_decoders_refuses_an_encoder(kind, bert):
    with pytest.raises(ValueError, match=f"^--model.task {kind.__name__}: .* is an encoder"):
        tiny.make(LoRA, bert, task=kind())


@pytest.mark.parametrize(("strategy", "kind", "backbone"), pairs(), indirect=["backbone"])
def test_contract(strategy, kind, backbone, scored, reviews, tmp_path):
    data = data_for(kind, backbone, scored, reviews)
    if (strategy.__name__, kind.__name__) in IMPOSSIBLE:
        with pytest.raises(ValueError, match=f"^--model {strategy.__name__}: .*{kind.__name__}"):
            tiny.make(strategy, backbone, task=task_for(kind, data))
        return
    still = {"learning_rate": 3e-3, "schedule": "constant", "warmup_ratio": 0.0}
    module = tiny.make(strategy, backbone, task=task_for(kind, data), **still)
    batch = module.task.prepare(data._rows["train"].__getitems__(list(range(8))), training=False)
    before, fixed = tiny.trained(module), tiny.frozen(module)
    first = module.task.loss(tiny.logits(module, batch), batch)
    module.task.prepare = lambda batch, training: batch  # the same targets in every step
    tiny.fit(module.train(), DataLoader([batch] * 6, batch_size=None), max_epochs=1)
    assert module.task.loss(tiny.logits(module, batch), batch) < first
    assert all(torch.equal(value, fixed[n]) for n, value in tiny.frozen(module).items())
    del module.task.prepare
    module.trainer.save_checkpoint(tmp_path / "weights.ckpt", weights_only=True)
    held = torch.load(tmp_path / "weights.ckpt", weights_only=True)["state_dict"]
    assert set(held) == set(before)
    again = strategy.load_from_checkpoint(tmp_path / "weights.ckpt", weights_only=True)
    assert torch.equal(tiny.logits(again, batch), tiny.logits(module, batch))


def test_an_export_takes_the_chat_template_along(llama, tmp_path):
    module = tiny.make(LoRA, llama, task=InstructionFollowing(chat_template="{{ messages }}"))
    folder = export(module, tmp_path / "export")
    assert transformers.AutoTokenizer.from_pretrained(folder).chat_template == "{{ messages }}"
    again = LoRA(**module.hparams)
    assert again.task.arguments() == module.task.arguments()


@pytest.mark.parametrize("kind", [Regression, MultiLabel, LanguageModeling])
@pytest.mark.parametrize("strategy", [FullFineTuning, LoRA, Adapter])
def test_export_and_reload(strategy, kind, backbone, scored, reviews, tmp_path):
    data = data_for(kind, backbone, scored, reviews)
    module = tiny.make(strategy, backbone, task=task_for(kind, data))
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    batch = module.task.prepare(data._rows["train"].__getitems__([0]), training=False)
    folder = export(module, tmp_path / "export")
    wanted = tiny.logits(module, batch)
    if strategy is Adapter:
        torch.testing.assert_close(tiny.logits(load(folder), batch), wanted, atol=1e-5, rtol=1e-5)
        return
    auto = getattr(transformers, module.task.auto_class)
    if strategy is LoRA:
        import peft

        base = auto.from_pretrained(folder / "base")
        model = peft.PeftModel.from_pretrained(base, folder).eval()
    else:
        model = auto.from_pretrained(folder).eval()
    with torch.no_grad():
        if kind is LanguageModeling:
            got = module.task.logits(model, batch)
        else:
            got = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    got = got[:, 0] if kind is Regression else got
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


# Language modeling -----------------------------------------------------------------------------


def test_causal_loss_is_that_of_transformers(llama, scored):
    module = tiny.make(FullFineTuning, llama, task=LanguageModeling()).eval()
    rows = tiny.read(scored, llama, labels="none")._rows["train"]
    for chosen in ([7], list(range(1, 9))):
        batch = rows.__getitems__(chosen)
        labels = batch["input_ids"].where(batch["attention_mask"].bool(), -100)
        mask = {"attention_mask": batch["attention_mask"], "labels": labels}
        with torch.no_grad():
            wanted = module.model(batch["input_ids"], **mask).loss
        prepared = module.task.prepare(batch, training=False)
        torch.testing.assert_close(
            module.task.loss(tiny.logits(module, prepared), prepared), wanted
        )
        assert module.task.num_targets(prepared) == batch["attention_mask"].sum() - len(chosen)


def test_masked_loss_is_that_of_transformers(bert, scored):
    module = tiny.make(FullFineTuning, bert, task=LanguageModeling(0.5)).eval()
    rows = tiny.read(scored, bert, labels="none")._rows["train"]
    batch = module.task.prepare(rows.__getitems__(list(range(8))), training=True)
    with torch.no_grad():
        inputs = {k: batch[k] for k in ("input_ids", "attention_mask", "labels")}
        wanted = module.model(**inputs).loss
    torch.testing.assert_close(module.task.loss(tiny.logits(module, batch), batch), wanted)
    assert module.task.num_targets(batch) == (batch["labels"] >= 0).sum() > 0


def test_masks_of_validation_are_a_function_of_the_row(bert, scored):
    module = tiny.make(FullFineTuning, bert, task=LanguageModeling(0.5))
    rows = tiny.read(scored, bert, labels="none")._rows["train"]
    together = module.task.prepare(rows.__getitems__([3, 1, 2]), training=False)
    torch.manual_seed(7)
    alone = module.task.prepare(rows.__getitems__([1, 3]), training=False)
    for one, other in ((0, 1), (1, 0)):  # whatever its neighbours and the padding
        size = int(together["attention_mask"][one].sum())
        for name in ("input_ids", "labels"):
            assert torch.equal(together[name][one, :size], alone[name][other, :size])
    again = module.task.prepare(rows.__getitems__([3, 1, 2]), training=False)
    assert all(torch.equal(again[name], together[name]) for name in ("input_ids", "labels"))
    assert (together["labels"] >= 0).any()


def test_special_tokens_and_padding_are_never_guessed(bert, scored):
    module = tiny.make(FullFineTuning, bert, task=LanguageModeling(1.0))
    batch = tiny.read(scored, bert, labels="none")._rows["train"].__getitems__(list(range(8)))
    special = torch.tensor(transformers.AutoTokenizer.from_pretrained(bert).all_special_ids)
    guessed = module.task.prepare(batch, training=True)["labels"] >= 0
    plain = batch["attention_mask"].bool() & ~torch.isin(batch["input_ids"], special)
    assert torch.equal(guessed, plain)


def test_masking_is_15_percent_of_which_80_10_10():
    ids = torch.randint(5, 1000, (100, 2000), generator=torch.Generator().manual_seed(1))
    eligible = ids % 7 != 0
    made = mask_tokens(ids, eligible, 4, 1000, 0.15, torch.Generator().manual_seed(2))
    seen, chosen = made
    count, total = int(chosen.sum()), int(eligible.sum())
    assert not (chosen & ~eligible).any()
    assert torch.equal(seen[~chosen], ids[~chosen])

    def within(hits: int, of: int, share: float) -> bool:
        return abs(hits - of * share) < 5 * math.sqrt(of * share * (1 - share))

    assert within(count, total, 0.15)
    assert within(int((seen == 4)[chosen].sum()), count, 0.8)
    same = int((seen == ids)[chosen].sum())
    assert within(same, count, 0.1 + 0.1 / 1000)
    assert (ids != 4).all()


def test_lora_on_an_encoder_trains_the_new_part_of_the_head_only(bert):
    """The head's matrix is the embeddings' own: it neither trains nor goes into a checkpoint."""
    module = tiny.make(LoRA, bert, task=LanguageModeling())
    assert head_modules(LanguageModeling().build(bert)) == ["cls.predictions.transform"]
    whole = {name for name in module.trainable if "lora_" not in name}
    assert whole
    assert all("cls.predictions.transform.modules_to_save" in name for name in whole)


def test_perplexity_is_of_all_tokens(llama, scored):
    module = tiny.make(FullFineTuning, llama, task=LanguageModeling())
    data = tiny.read(scored, llama, labels="none", batch_size=3)
    shown = tiny.trainer([]).validate(module, data, verbose=False)[0]
    batch = data._rows["validation"].__getitems__(list(range(8)))
    prepared = module.task.prepare(batch, training=False)
    loss = float(module.task.loss(tiny.logits(module, prepared), prepared))
    assert shown["val/loss"] == pytest.approx(loss, rel=1e-5)
    assert shown["val/perplexity"] == pytest.approx(math.exp(loss), rel=1e-4)
