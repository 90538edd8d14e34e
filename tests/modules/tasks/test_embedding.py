"""Text vectors: losses and metrics against other libraries or by hand, and what is exported."""

import json
import math

import numpy as np
import pytest
import torch
import transformers
from torch.nn.functional import normalize

from modules import Embedding, FullFineTuning, LoRA, export, load
from modules.tasks import contrastive, vector_export, vector_metrics, vector_rows
from modules.tasks.vector_metrics import CosineSpearman, HeadAccuracy, Retrieval
from tests import tiny

ONE = normalize(torch.sin(torch.arange(1.0, 13).reshape(4, 3)), dim=1)
TWO = normalize(torch.cos(torch.arange(1.0, 13).reshape(4, 3) * 1.3), dim=1)
KEYS = torch.arange(8).reshape(4, 2)
# What sentence-transformers 6.2.0 and scikit-learn 1.9.1 make of them.
MNRL, COSENT = 26.0266914, 21.5878849
SKLEARN = [
    [0.17038, 0.68928, 0.14033],
    [0.38731, 0.22475, 0.38794],
    [0.13923, 0.68936, 0.17141],
    [0.29729, 0.47138, 0.23133],
]


def test_the_loss_of_pairs_is_the_cross_entropy_of_the_own_pair():
    """As MultipleNegativesRankingLoss, whose scale of 20 is a temperature of 0.05."""
    wanted = torch.nn.functional.cross_entropy(20 * ONE @ TWO.T, torch.arange(4))
    torch.testing.assert_close(contrastive.pair_loss(ONE, TWO, KEYS, 0.05), wanted)
    assert float(wanted) == pytest.approx(MNRL, rel=1e-5)


def test_equal_texts_are_no_negatives():
    """The third pair has the first one's second text, the last the first one's first text."""
    keys = torch.tensor([[0, 1], [2, 3], [4, 1], [5, 0]])
    cosine = 20 * ONE @ TWO.T
    kept = [[0, 1], [0, 1, 2, 3], [1, 2, 3], [0, 1, 2, 3]]
    terms = [cosine[row, those].logsumexp(0) - cosine[row, row] for row, those in enumerate(kept)]
    wanted = torch.stack(terms).mean()
    torch.testing.assert_close(contrastive.pair_loss(ONE, TWO, keys, 0.05), wanted)


def test_the_loss_of_labels_is_that_of_khosla():
    labels = torch.tensor([0, 1, 0, 0])
    total = 0.0
    for row, own in ((0, [2, 3]), (2, [0, 3]), (3, [0, 2])):  # the second has no other of its label
        others = [float(ONE[row] @ ONE[n]) / 0.1 for n in range(4) if n != row]
        below = math.log(sum(map(math.exp, others)))
        total -= sum(float(ONE[row] @ ONE[n]) / 0.1 - below for n in own) / len(own)
    assert float(contrastive.label_loss(ONE, labels, 0.1)) == pytest.approx(total / 3, rel=1e-5)
    alone = contrastive.label_loss(ONE.clone().requires_grad_(), torch.arange(4), 0.1)
    assert float(alone) == 0
    alone.backward()  # a batch without a positive is no error


def test_the_loss_of_scores_is_cosent():
    scores, cosine = torch.tensor([0.1, 0.9, 0.5, 0.5]), (ONE * TWO).sum(1)
    terms = [
        math.exp(20 * float(cosine[i] - cosine[j]))
        for i in range(4)
        for j in range(4)
        if scores[i] < scores[j]
    ]
    found = float(contrastive.score_loss(cosine, scores, 0.05))
    assert found == pytest.approx(math.log1p(sum(terms)), rel=1e-5)
    assert found == pytest.approx(COSENT, rel=1e-5)


def test_the_logistic_head_is_that_of_scikit_learn():
    """As LogisticRegression() fits it."""
    labels = torch.tensor([0, 1, 2, 1])
    found = vector_metrics.logistic_scores(ONE, labels, TWO).softmax(1)
    np.testing.assert_allclose(found.numpy(), SKLEARN, atol=2e-4)
    centroid = vector_metrics.centroid_scores(ONE, torch.tensor([0, 0, 2, 2]), TWO)
    mean = normalize(ONE[:2].mean(0), dim=0)
    torch.testing.assert_close(centroid[:, 0], TWO @ mean)
    assert (centroid[:, 1] == -torch.inf).all()


def test_retrieval_and_spearman_by_hand():
    first = torch.tensor([[1.0, 0], [0, 1], [0.6, 0.8]])
    second = torch.tensor([[0.0, 1], [0.1, 0.99], [0.1, 0.99]])
    rows = torch.stack([first, normalize(second, dim=1)], 1)
    keys = torch.tensor([[1, 10], [2, 20], [3, 20]])  # the last two have one text
    for most, wanted in ((1, 1 / 3), (2, 1.0), (None, (0.5 + 0.5 + 1) / 3)):
        metric = Retrieval(most)
        metric.update(rows[:2], keys[:2])
        metric.update(rows[2:], keys[2:])
        assert float(metric.compute()) == pytest.approx(wanted)
        collapsed = Retrieval(most)
        collapsed.update(torch.ones(4, 2, 1), KEYS)
        assert float(collapsed.compute()) == pytest.approx(0.4 if most is None else 0.0)
    spearman = CosineSpearman()
    spearman.update(rows, torch.tensor([1.0, 2.0, 3.0]))
    order = (rows[:, 0] * rows[:, 1]).sum(1).argsort().argsort()
    assert order.tolist() == [0, 2, 1]
    assert float(spearman.compute()) == pytest.approx(0.5, abs=1e-4)


def test_pooling_does_not_see_padding_or_a_prompt():
    hidden = torch.arange(24.0).reshape(2, 4, 3) + 1
    mask = torch.tensor([[1, 1, 0], [1, 1, 1]])
    for pooling, row in (("mean", hidden[0, 1:3].mean(0)), ("first", hidden[0, 1])):
        found = vector_rows.pooled(hidden, mask, pooling)
        torch.testing.assert_close(found[0], normalize(row, dim=0))
    torch.testing.assert_close(
        vector_rows.pooled(hidden, mask, "last"), normalize(hidden[[0, 1], [2, 3]], dim=1)
    )


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    words = (
        "a gripping film",
        "warm and clever",
        "a cold tale",
        "the worst film",
        "stupid",
        "dull",
    )
    rows = [
        {"text": one, "other": f"{one} of the year", "score": n / 10}
        for n, one in enumerate(words * 2)
    ]
    for split in ("train", "dev"):
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


SETTINGS = {
    "labels": {"labels": "class"},
    "pairs": {"labels": "none", "pair_column": "other"},
    "scores": {"labels": "number", "pair_column": "other", "label_column": "score"},
    "dropout": {"labels": "none"},
}


@pytest.mark.parametrize("positives", SETTINGS)
def test_it_learns_and_its_metrics_are_logged(positives, bert, pairs, reviews):
    source = reviews if positives == "labels" else pairs
    data = tiny.read(source, bert, batch_size=6, **SETTINGS[positives])
    task = Embedding(positives=positives)
    task.check_columns(list(data.texts_of("train")))
    module = tiny.make(FullFineTuning, bert, task=task, learning_rate=3e-3)
    before = tiny.trainer([]).validate(module, data, verbose=False)[0]
    module = tiny.make(
        FullFineTuning, bert, task=Embedding(positives=positives), learning_rate=3e-3
    )
    tiny.fit(module, data, max_epochs=4)
    after = tiny.trainer([]).validate(module, data, verbose=False)[0]
    # Without dropout, in validation, the loss of a text and itself says nothing of learning.
    assert after["val/loss"] < before["val/loss"] or positives == "dropout"
    assert module.monitor in after
    assert all(math.isfinite(value) for value in after.values())
    if positives == "labels":
        by_hand = HeadAccuracy(module.task, "centroid")
        batch = data._rows["validation"].__getitems__(list(range(8)))
        by_hand.update(tiny.logits(module, batch), batch["labels"])
        assert after["val/centroid_accuracy"] == pytest.approx(float(by_hand.compute()))


def test_the_training_vectors_are_of_the_weights_that_are_evaluated(bert, reviews):
    """A test loads the best weights, and the last validation has seen others."""
    module = tiny.make(FullFineTuning, bert, task=Embedding())
    data, seen = tiny.read(reviews, bert, batch_size=6), []
    for _ in range(2):
        tiny.trainer([]).validate(module, data, verbose=False)
        seen.append(module.task.examples[0])
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    assert not torch.allclose(*seen)


@pytest.mark.parametrize("pooling", ["mean", "first", "last"])
def test_an_export_opens_in_transformers_and_says_how_to_pool(pooling, backbone, tmp_path):
    module = tiny.make(FullFineTuning, backbone, task=Embedding(pooling=pooling)).eval()
    folder = export(module, tmp_path / "export")
    texts = ["a gripping film", "cold"]
    wanted = torch.tensor(module.predict(texts))
    torch.testing.assert_close(wanted.norm(dim=1), torch.ones(2))
    again = torch.tensor(load(folder).predict(texts))
    torch.testing.assert_close(again, wanted, atol=1e-6, rtol=1e-5)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="right")
    code = (folder / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    code = code.replace('["a gripping film"]', repr(texts)).replace('"."', repr(str(folder)))
    made: dict = {}
    exec(code, made)  # what the README says, to the letter
    torch.testing.assert_close(made["vectors"], wanted, atol=1e-5, rtol=1e-4)
    assert (model.config.hidden_size, bool(tokenizer)) == (16, True)
    held = json.loads((folder / "1_Pooling" / "config.json").read_text())
    assert sum(value is True for value in held.values()) == 1
    assert [part["path"] for part in json.loads((folder / "modules.json").read_text())] == [
        "",
        "1_Pooling",
        "2_Normalize",
    ]


def test_the_width_of_a_vector_is_found_by_whatever_name(tmp_path):
    transformers.GPT2Config(n_embd=8).save_pretrained(tmp_path)
    vector_export.write_pooling(tmp_path, "mean")
    held = json.loads((tmp_path / "1_Pooling" / "config.json").read_text())
    assert held["word_embedding_dimension"] == 8


def test_lora_trains_no_part_of_the_backbone_whole(backbone):
    module = tiny.make(LoRA, backbone, task=Embedding())
    assert all("lora_" in name for name in module.trainable)
    with pytest.raises(ValueError, match=r"^Embedding reads one text at a time"):
        module.predict([("a film", "a tale")])


@pytest.mark.parametrize(
    ("positives", "columns"), [("pairs", ["text"]), ("labels", ["text", "pair"])]
)
def test_data_that_do_not_fit_are_refused(positives, columns):
    with pytest.raises(ValueError, match=rf"^--model.task.positives {positives}: .*text a row"):
        Embedding(positives=positives).check_columns(columns)


def test_dropout_needs_dropout(bert):
    with pytest.raises(
        ValueError, match=r"^--model.task.positives dropout: .*backbone_dropout 0.1"
    ):
        tiny.make(LoRA, bert, task=Embedding(positives="dropout"))
    tiny.make(LoRA, bert, task=Embedding(positives="dropout"), backbone_dropout=0.1)
