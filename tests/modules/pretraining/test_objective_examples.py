"""The printed rows say what an objective did, and nothing that trains is moved by them."""

import re

import lightning.pytorch as pl
import pytest
import torch

import modules
from callbacks import ObjectiveExamples
from modules import LoRA, MaskedLM, PermutationLM, SpanCorruption
from modules.pretraining.base import PretrainingModule
from modules.registry import registered
from tests import stories

OWN = [n for n, o in registered(PretrainingModule).items() if o.__module__.startswith("modules.")]


def trained(path, objective, callbacks):
    module, data = stories.make(objective, path), stories.corpus(path, objective)
    trainer = pl.Trainer(
        max_steps=2, limit_val_batches=1, val_check_interval=1, logger=False, callbacks=callbacks,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, data)
    return module.state_dict()


@pytest.mark.quick_if(lambda case: case["name"] in ("MaskedLM", "SpanCorruption"))
@pytest.mark.parametrize("name", OWN)
def test_training_is_the_same_with_it(path, name, capsys):
    objective = getattr(modules, name)
    with_it = trained(path, objective, [ObjectiveExamples(rows=2)])
    shown = capsys.readouterr().out
    assert f"what {name} makes of the first rows" in shown
    assert shown.count("guesses after step") == 2 and " right: " in shown
    plain = trained(path, objective, [])
    assert all(torch.equal(value, plain[key]) for key, value in with_it.items())


def example(path, objective, **settings):
    module, data = stories.make(objective, path, **settings), stories.corpus(path, objective)
    batch = next(iter(data.train_dataloader()))
    return module, batch, module.corrupt(batch, torch.Generator().manual_seed(0))


def test_hidden_replaced_and_kept_tokens_give_the_clean_row_again(path):
    module, batch, made = example(path, MaskedLM, probability=0.6)
    lines = module.show_examples(made, 8)[1:]
    marks = re.findall(r"\[(?:\w*)[<=]?\w*\]", " ".join(lines))
    assert any("<" in mark for mark in marks) and any("=" in mark for mark in marks)
    tokenizer = module.tokenizer
    for row, line in enumerate(lines):
        ids = batch["input_ids"][row][batch["attention_mask"][row].bool()].tolist()
        words = [
            tokenizer.decode([token]).strip() or tokenizer.convert_ids_to_tokens(token)
            for token in ids
        ]
        ends = {tokenizer.cls_token, tokenizer.sep_token}
        found = [w for w in line.split()[2:] if w not in ends]
        clean = [re.sub(r"^\[(?:[^<=]*<|=)?(.+)\]$", r"\1", word) for word in found]
        assert clean == [word for word in words if word not in ends]


def test_spans_stand_in_the_decoders_line(path):
    module, _, made = example(path, SpanCorruption)
    _, seen, told, *_ = module.show_examples(made, 1)
    assert "<extra_id_0>" in seen and told.split()[:2] == ["decoder:", "<extra_id_0>"]


def test_order_of_a_permutation_is_that_of_its_mask(path):
    module, _, made = example(path, PermutationLM, probability=0.5)
    line = module.show_examples(made, 1)[1]
    ranks = [int(rank) for rank in re.findall(r":(\d+)\]", line)]
    places = made["inputs"]["target_mapping"][0].argmax(1).tolist()[: len(ranks)]
    hidden = made["inputs"]["perm_mask"][0].bool()
    assert len(ranks) > 2 and sorted(ranks) == list(range(1, len(ranks) + 1))
    for place, rank in zip(places, ranks, strict=True):
        for other, before in zip(places, ranks, strict=True):
            assert bool(hidden[place, other]) == (before >= rank)


def test_other_modules_are_refused(bert):
    with pytest.raises(ValueError, match=r"ObjectiveExamples: LoRA is no pre-training objective"):
        ObjectiveExamples().setup(
            pl.Trainer(logger=False, accelerator="cpu"), LoRA(backbone=bert), "fit"
        )


def test_objective_without_places_to_predict_is_refused(path):
    module, _, made = example(path, MaskedLM)
    with pytest.raises(ValueError, match=r"MaskedLM.corrupt returns no target_mask, which says"):
        module.show_examples({"attention_mask": made["inputs"]["attention_mask"]}, 1)
