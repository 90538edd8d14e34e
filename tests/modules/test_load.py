"""load: every export and every run's folder, and the predictions of what it gives."""

import shutil

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import modules
from modules import inference
from modules.encoding import encode
from modules.exporting import export
from tests import stories, tiny
from tests.modules import cells

TASKS = {"class": "labels", "number": "numbers", "several": "lists of labels"}


@pytest.fixture(scope="module")
def made(bert, tmp_path_factory):
    """A module that tells three classes apart, and its export in another folder."""
    folder = tmp_path_factory.mktemp("made")
    module = cells.stirred(modules.LoRA, bert, cells.TASKS["class"]())
    export(module, folder / "run" / "export")
    shutil.move(folder / "run", folder / "moved")
    return module, folder / "moved" / "export"


def test_it_predicts_names_with_probabilities_in_the_order_of_the_texts(made):
    module, folder = made
    again = modules.load(folder)
    assert not again.training and again.label_names == cells.LABELS
    texts = ["a gripping film " * n for n in (3, 1, 9, 2)]
    chances = again.predict_proba(texts, batch_tokens=16)
    assert chances.shape == (4, 3) and np.allclose(chances.sum(1), 1, atol=1e-6)
    assert again.predict(texts) == [cells.LABELS[n] for n in chances.argmax(1)]
    for place, text in enumerate(texts):  # alone, by the tokenizer of transformers
        batch = modules.encoding.tokenizer_of(module)([text], return_tensors="pt")
        wanted = tiny.logits(module, batch).softmax(1)[0].numpy()
        assert np.allclose(chances[place], wanted, atol=1e-5)
    assert again.predict([]) == [] and again.predict_proba([]).shape == (0, 3)


def test_texts_are_read_as_the_data_module_reads_them(bert, llama, reviews):
    for backbone in (bert, llama):
        for settings in ({}, {"pair_column": "pair"}, {"max_length": 9, "pair_column": "pair"}):
            rows = tiny.read(reviews, backbone, **settings)._rows["train"]
            module = tiny.make(modules.FullFineTuning, backbone)
            if "max_length" in settings:
                modules.encoding.tokenizer_of(module).model_max_length = 9
            texts = rows.columns["text"]
            if settings:
                texts = list(zip(texts, rows.columns["pair"], strict=True))
            mine = encode(module, texts)
            for row in range(len(rows)):
                batch = rows.__getitems__([row])
                assert mine.ids[row] == batch["input_ids"][0, : len(mine.ids[row])].tolist()
                assert len(mine.ids[row]) == rows.lengths[row]
                if "token_type_ids" in batch:
                    assert (
                        mine.types[row] == batch["token_type_ids"][0].tolist()[: rows.lengths[row]]
                    )
            assert mine.truncated == rows.truncated.tolist()


@pytest.mark.parametrize("task", ["number", "several", "pairs", "words"])
def test_each_task_has_its_kind_of_prediction(task, bert, tmp_path):
    module = cells.stirred(modules.Adapter, bert, cells.TASKS[task]())
    again = modules.load(export(module, tmp_path / "export"))
    texts = cells.PAIRS if task == "pairs" else cells.TEXTS
    found = again.predict(texts)
    assert found == module.predict(texts) and len(found) == 4
    if task == "number":
        assert all(isinstance(value, float) for value in found)
        with pytest.raises(ValueError, match="Adapter: its task has no labels; use predict"):
            again.predict_proba(texts)
        return
    chances = again.predict_proba(texts)
    if task == "several":
        assert found == [
            [n for n, p in zip(cells.LABELS, row, strict=True) if p > 0.5] for row in chances
        ]
    else:
        assert found == [again.label_names[n] for n in chances.argmax(1)]


def test_a_chat_model_answers_and_a_language_model_goes_on(llama, tmp_path):
    for task in ("chat", "text"):
        module = cells.stirred(modules.LoRA, llama, cells.TASKS[task]())
        again = modules.load(export(module, tmp_path / task))
        found = again.predict(cells.TEXTS, max_new_tokens=5)
        assert found == module.predict(cells.TEXTS, max_new_tokens=5, batch_tokens=1)
        assert all(isinstance(text, str) for text in found)


def test_an_encoder_fills_its_masks(bert, tmp_path):
    module = cells.stirred(modules.FullFineTuning, bert, modules.LanguageModeling())
    again = modules.load(export(module, tmp_path / "export"))
    (said,) = again.predict(["a [MASK] film"])
    assert said.startswith("a ") and said.endswith(" film") and "[MASK]" not in said
    with pytest.raises(ValueError, match=r"text 1: put \[MASK\] where a word is wanted"):
        again.predict(["a film"])


def test_a_run_is_its_export_or_its_best_checkpoint(made, bert, reviews, tmp_path):
    module, folder = made
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    trainer = tiny.fit(module, tiny.read(reviews, bert), max_steps=0)
    trainer.save_checkpoint(run / "checkpoints" / "best.ckpt", weights_only=True)
    wanted = module.predict_proba(cells.TEXTS)
    assert np.array_equal(modules.load(run).predict_proba(cells.TEXTS), wanted)
    shutil.copytree(folder, run / "export")
    (run / "checkpoints" / "best.ckpt").write_text("")  # it is not read
    assert np.allclose(modules.load(run).predict_proba(cells.TEXTS), wanted, atol=1e-5)


def test_a_folder_of_transformers_alone_tells_its_task(bert, tmp_path):
    for task in ("class", "several", "number", "tags"):
        module = cells.stirred(modules.FullFineTuning, bert, cells.TASKS[task]())
        folder = export(module, tmp_path / task)
        (folder / "module.json").unlink()
        again = modules.load(folder)
        assert type(again.task) is type(module.task)
        assert again.label_names == module.label_names
        assert (
            again.predict(cells.TEXTS) == pytest.approx(module.predict(cells.TEXTS), abs=1e-5)
            if task == "number"
            else again.predict(cells.TEXTS) == module.predict(cells.TEXTS)
        )


def broken(folder, what):
    for name, action in what.items():
        file = folder / name
        if action == "cut":
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        else:
            shutil.rmtree(file) if file.is_dir() else file.unlink()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"adapter_model.safetensors": "cut"}, "it may be half written"),
        ({"adapter_model.safetensors": "gone"}, "it may be half written"),
        ({"adapter_config.json": "gone"}, "it may be half written"),
        ({"adapter_config.json": "cut"}, "it may be half written"),
        ({"module.json": "cut"}, "it may be half written"),
        ({"module.json": "gone"}, "an adapter without module.json, which tells its task"),
        ({"base": "gone"}, "it may be half written"),
        ({"base/model.safetensors": "cut"}, "it may be half written"),
        ({"base/tokenizer.json": "cut"}, "it may be half written"),
        ({"module.json": "gone", "adapter_config.json": "gone"}, "holds no export"),
    ],
)
def test_a_half_written_folder_is_one_line(what, said, made, tmp_path):
    folder = shutil.copytree(made[1], tmp_path / "half")
    broken(folder, what)
    with pytest.raises(ValueError, match=said) as error:
        modules.load(folder)
    assert "\n" not in str(error.value) and str(folder) in str(error.value)


def test_what_predicts_nothing_is_one_line(made, bert, tmp_path):
    path = stories.write(tmp_path / "stories")
    module = stories.make(modules.MaskedLM, path)
    with pytest.raises(ValueError, match="MaskedLM: a pre-trained network without a head"):
        module.predict(["a"])
    for folder in (export(module, tmp_path / "pretrained"), bert):
        with pytest.raises(ValueError, match="a pre-trained network .* without a head for a task"):
            modules.load(folder)
    with pytest.raises(ValueError, match="nowhere: there is no such folder"):
        modules.load("nowhere")
    with pytest.raises(ValueError, match="predict takes a list of texts"):
        made[0].predict("a film")
    for texts in (["a", None], ["a", ("b", "c")], [("a", "b"), "c"], [("a",)], [1.0]):
        with pytest.raises(ValueError, match=r"text \d of \d is not a"):
            made[0].predict(texts)
    pairs = tiny.make(modules.LoRA, bert, task=cells.TASKS["pairs"]())
    with pytest.raises(ValueError, match="PairClassification reads pairs of texts"):
        pairs.predict(["a"])
    with torch.no_grad():
        pairs.model.base_model.model.classifier.modules_to_save["default"].weight.fill_(torch.nan)
    with pytest.raises(ValueError, match="the model's outputs are not finite numbers"):
        pairs.predict([("a", "b")])


@pytest.mark.parametrize("strategy", [modules.LoRA, modules.PTuning])
def test_long_texts_are_cut_where_the_model_ends(strategy, bert, llama):
    for backbone in (bert, llama):
        for task in ("class", "words"):
            module = cells.stirred(strategy, backbone, cells.TASKS[task]())
            texts = ["film " * 400_000, "warm " * 70, "x" * 20_000, "warm"]
            found = inference.predict(module, texts)
            assert found.truncated[:2] == [True, True] and not found.truncated[3]
            # A long run of letters is one unknown word to one tokenizer, and many to the other.
            assert found.truncated[2] == (backbone == llama)
            assert len(found.values) == 4


def test_a_probe_keeps_no_features_of_what_it_predicts(bert):
    module = cells.stirred(modules.LinearProbe, bert, cells.TASKS["mean"]())
    module.predict(cells.TEXTS)
    assert not module._features


def test_the_trainer_predicts_with_our_data_and_with_any_loader(made, reviews, bert):
    module = modules.load(made[1])
    data = tiny.read(reviews, bert, batch_tokens=60)
    trainer = tiny.trainer([])
    for split in ("test", "validation"):
        data.predict_split = split
        parts = trainer.predict(module, data)
        texts = data._rows[split].columns["text"]
        found = {
            int(n): label
            for part in parts
            for n, label in zip(part["index"], part["prediction"], strict=True)
        }
        assert [found[n] for n in range(len(texts))] == module.predict(texts)
    wanted = module.predict(cells.TEXTS)
    for loader in (
        DataLoader(cells.TEXTS, batch_size=3),
        DataLoader([{"text": text} for text in cells.TEXTS], batch_size=3),
        DataLoader([data._rows["test"].__getitems__([0, 1])], batch_size=None),
    ):
        parts = trainer.predict(module, loader)
        said = [label for part in parts for label in part["prediction"]]
        assert said == wanted or len(said) == 2
    pairs = trainer.predict(module, DataLoader(cells.PAIRS, batch_size=4))
    assert pairs[0]["prediction"] == module.predict(cells.PAIRS)
