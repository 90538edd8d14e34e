"""Replaced-token detection: its generator, its embeddings, and the area within a token id."""

import pytest
import torch
import transformers
from sklearn.metrics import roc_auc_score

from modules import ReplacedTokenDetection, optimization
from modules.pretraining.detection_auc import WithinTokenAUC
from tests import stories, tiny

FAMILIES = ("modernbert", "electra", "bert", "albert")


def test_area_is_that_of_scikit_learn_within_each_id():
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(20, (800,), generator=draw)
    scores = torch.randint(30, (800,), generator=draw) / 30 + ids  # ties, and ids that differ
    replaced = torch.rand(800, generator=draw) < 0.1
    total = pairs = 0.0
    for one in range(20):
        here = ids == one
        fakes = int(replaced[here].sum())
        count = fakes * (int(here.sum()) - fakes)
        if count:
            total += count * roc_auc_score(replaced[here], scores[here])
            pairs += count
    metric = WithinTokenAUC()
    for part in range(0, 800, 100):
        chosen = slice(part, part + 100)
        metric.update(ids[chosen], scores[chosen], replaced[chosen])
    assert float(metric.compute()) == pytest.approx(total / pairs, abs=1e-6)
    assert roc_auc_score(replaced, scores) != pytest.approx(total / pairs, abs=0.01)


def test_area_without_a_pair_is_not_a_number():
    metric = WithinTokenAUC()
    metric.update(torch.tensor([1, 2]), torch.tensor([0.1, 0.2]), torch.tensor([True, False]))
    assert torch.isnan(metric.compute())


@pytest.mark.parametrize("family", FAMILIES)
def test_generator_is_narrow_and_the_export_ordinary(path, family, tmp_path):
    module = stories.make(ReplacedTokenDetection, path, family=family)
    kinds = (module.generator, module.model)
    sizes = [
        sum(p.numel() for name, p in one.named_parameters() if "layer" in name) for one in kinds
    ]
    assert sizes[0] < 0.3 * sizes[1]
    optimizer = torch.optim.SGD(module.parameters(), 0.5)
    batch = next(iter(stories.corpus(path, ReplacedTokenDetection).train_dataloader()))
    module._step(batch, 0)[0]["loss"].backward()
    optimizer.step()
    assert module.model.get_input_embeddings().weight.any()
    module.eval().export_model().save_pretrained(tmp_path)
    again = transformers.AutoModel.from_pretrained(tmp_path).eval()
    assert type(again.get_input_embeddings()) is torch.nn.Embedding
    ids = torch.arange(5, 15)[None]
    ours, theirs = (one(ids).last_hidden_state for one in (module.model.base_model, again))
    torch.testing.assert_close(ours, theirs)
    ours_again = module.model.base_model(ids).last_hidden_state  # it can go on training
    assert torch.equal(ours, ours_again)


def test_both_tables_of_embeddings_have_their_rate(path):
    module = stories.make(ReplacedTokenDetection, path)
    groups = [{**group, "lr": 1.0} for group in optimization.parameter_groups(module, 0.1)]
    groups = optimization.apart(groups, "embeddings", optimization.input_embeddings(module), 3.0)
    (own,) = (group for group in groups if group["name"] == "embeddings")
    networks = (module.model, module.generator)
    wanted = [network.get_input_embeddings().weight for network in networks]
    assert {id(one) for one in own["params"]} == {id(one) for one in wanted}
    assert own["lr"] == 3.0


def test_a_validation_logs_the_area_anew(path):
    module = stories.make(ReplacedTokenDetection, path, probability=0.4)
    data = stories.corpus(path, ReplacedTokenDetection)
    run = tiny.fit(module, data, max_epochs=1, limit_train_batches=2)
    first = run.validate(module, data, verbose=False)[0]["val/auc"]
    assert 0 <= first <= 1
    assert run.validate(module, data, verbose=False)[0]["val/auc"] == first
