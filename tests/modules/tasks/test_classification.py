"""Classification: loss and metrics against their definitions."""

import math

import pytest
import torch
from jsonargparse.typing import ClosedUnitInterval, PositiveFloat, PositiveInt

from modules import Classification, FullFineTuning, LoRA, tasks
from tests import tiny


def test_loss_is_the_mean_negative_log_probability():
    logits = torch.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    labels = torch.tensor([1, 0])
    loss = Classification(num_classes=3).loss(logits, {"labels": labels})
    rows = [[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]]
    wanted = [
        math.log(sum(map(math.exp, row))) - row[label]
        for row, label in zip(rows, (1, 0), strict=True)
    ]
    assert float(loss) == pytest.approx(sum(wanted) / 2)
    half = Classification(num_classes=3).loss(logits.bfloat16(), {"labels": labels})
    assert half.dtype == torch.float32


def test_label_smoothing_spreads_its_share_over_all_classes():
    row, share = [1.0, 2.0, 0.5], 0.3
    task = Classification(num_classes=3, label_smoothing=share)
    total = math.log(sum(map(math.exp, row)))
    target = [share / 3, 1 - share + share / 3, share / 3]
    wanted = sum(weight * (total - score) for weight, score in zip(target, row, strict=True))
    loss = task.loss(torch.tensor([row]), {"labels": torch.tensor([1])})
    assert float(loss) == pytest.approx(wanted)


def test_metrics_of_an_epoch_are_those_of_all_its_rows(bert, reviews):
    """Whole-epoch accuracy and macro F1, not a mean over batches; in the second epoch too."""
    module = tiny.make(FullFineTuning, bert, task=Classification(labels=["negative", "positive"]))
    data = tiny.read(reviews, bert, batch_size=3)  # 8 rows: 3, 3, 2
    seen = []
    step = module.validation_step

    def watched(batch, batch_idx):
        out = step(batch, batch_idx)
        if batch_idx == 0:
            seen.append([])
        seen[-1] += zip(out["logits"].argmax(-1).tolist(), batch["labels"].tolist(), strict=True)
        return out

    module.validation_step = watched
    run = tiny.fit(module, data, max_epochs=3)
    assert len(seen) == 3
    assert all(len(rows) == 8 for rows in seen)
    accuracy = [sum(guess == label for guess, label in rows) / 8 for rows in seen]
    f1 = []
    for rows in seen:
        each = []
        for of in (0, 1):
            hit = sum(guess == label == of for guess, label in rows)
            either = sum(guess == of for guess, _ in rows) + sum(label == of for _, label in rows)
            each.append(2 * hit / either if either else 0.0)
        f1.append(sum(each) / 2)
    assert [value for _, value in run.logger.values("val/accuracy")] == pytest.approx(accuracy)
    assert [value for _, value in run.logger.values("val/f1")] == pytest.approx(f1)


def test_validation_loss_weighs_each_row_alike(bert, reviews):
    module = tiny.make(FullFineTuning, bert)
    data = tiny.read(reviews, bert, batch_size=3)
    run = tiny.trainer([])
    shown = run.validate(module, data, verbose=False)[0]["val/loss"]
    batch = data._rows["validation"].__getitems__(list(range(8)))
    with torch.no_grad():
        assert shown == pytest.approx(
            float(module.task.loss(module.eval()(batch), batch)), rel=1e-5
        )


def test_label_smoothing_is_of_training_alone(bert, reviews):
    data = tiny.read(reviews, bert, batch_size=8)
    shown, trained = [], []
    for share in (0.0, 0.3):
        module = tiny.make(
            FullFineTuning, bert, task=Classification(["x", "y"], label_smoothing=share)
        )
        run = tiny.trainer([])
        shown += [run.validate(module, data, verbose=False)[0]["val/loss"]]
        shown += [run.test(module, data, verbose=False)[0]["test/loss"]]
        batch = data._rows["train"].__getitems__(list(range(8)))
        trained += [module.task.loss(tiny.logits(module, batch), batch)]
    assert shown[:2] == shown[2:] and abs(trained[0] - trained[1]) > 1e-3


def test_train_accuracy_is_that_of_the_batch(bert, reviews):
    module = tiny.make(FullFineTuning, bert)
    data = tiny.read(reviews, bert, batch_size=8)
    seen, step = [], module.task.logits

    def watched(model, batch):
        logits = step(model, batch)
        if model.training:
            seen.append(float((logits.argmax(-1) == batch["labels"]).float().mean()))
        return logits

    module.task.logits = watched
    run = tiny.fit(module, data)
    assert [value for _, value in run.logger.values("train/accuracy")] == pytest.approx(seen)
    assert len(set(seen)) > 1


def test_a_number_of_classes_that_the_data_contradicts():
    with pytest.raises(ValueError, match=r"num_classes 2: the data has 3 classes .a, b, c.$"):
        Classification(labels=["a", "b", "c"], num_classes=2)
    assert Classification(labels=["a", "b", "c"], num_classes=3).labels == ["a", "b", "c"]
    for few in ([], ["only"]):
        with pytest.raises(ValueError, match="one class only"):
            Classification(labels=few)


def test_head_dropout_is_the_one_asked_for_or_refused(bert, llama):
    for strategy in (LoRA, FullFineTuning):
        model = tiny.make(strategy, bert, task=Classification(dropout=0.25)).model
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        assert inner.dropout.p == 0.25
        with pytest.raises(ValueError, match=r"--model.task.dropout: the head of llama has no"):
            tiny.make(strategy, llama, task=Classification(dropout=0.25))


def test_checkpoints_hold_plain_types_whatever_the_command_line_made(bert, tmp_path):
    task = Classification(labels=["a", "b"], dropout=ClosedUnitInterval(0.5))
    module = LoRA(
        backbone=bert, task=task, rank=PositiveInt(2), alpha=PositiveFloat(4.0), targets=["query"]
    )
    run = tiny.trainer([])
    run.strategy.connect(module)
    run.save_checkpoint(tmp_path / "module.ckpt")
    held = torch.load(tmp_path / "module.ckpt", weights_only=True)["hyper_parameters"]
    assert held["task"] == {"name": "Classification", "arguments": task.arguments()}
    for value in (held["rank"], held["alpha"], held["task"]["arguments"]["dropout"]):
        assert type(value) in (int, float)
    again = LoRA.load_from_checkpoint(tmp_path / "module.ckpt", weights_only=True)
    assert again.task.arguments() == task.arguments()
    assert again.hparams == module.hparams


def test_every_task_can_be_stored_and_restored():
    task = Classification(labels=["x", "y"], pooling="mean", dropout=0.1, label_smoothing=0.2)
    again = tasks.from_dict(tasks.to_dict(task))
    assert type(again) is Classification
    assert again.arguments() == task.arguments()


def test_the_model_knows_what_pads_the_batch(llama, tmp_path, reviews):
    """A decoder finds the last token of a row by it."""
    import shutil

    import transformers

    folder = tmp_path / "other"
    shutil.copytree(llama, folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = "!"  # config.json says nothing of it
    tokenizer.save_pretrained(folder)
    module = tiny.make(FullFineTuning, str(folder)).eval()
    rows = tiny.read(reviews, str(folder))._rows["train"]
    assert rows.pad == tokenizer.convert_tokens_to_ids("!") == module.model.config.pad_token_id
    with torch.no_grad():
        together = module(rows.__getitems__([0, 1, 2, 3]))
        alone = torch.cat([module(rows.__getitems__([row])) for row in range(4)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_a_module_that_was_validated_can_be_fitted(bert, reviews):
    data, module = tiny.read(reviews, bert, batch_size=8), tiny.make(FullFineTuning, bert)
    tiny.trainer([]).validate(module, data, verbose=False)
    seen = tiny.fit(module.train(), data, max_epochs=1).callback_metrics["val/accuracy"]
    again = tiny.trainer([]).validate(module, data, verbose=False)[0]["val/accuracy"]
    assert float(seen) == pytest.approx(again)
