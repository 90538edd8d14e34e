"""Rows of a corpus: every token once, whatever the ranks and workers, and resuming anywhere."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from datamodules import Corpus
from tests.datamodules.numbered_corpus import VOCABULARY, make

KINDS = ("dense", "document", "pairs")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return str(folder), make(folder)


def loader(path, kind, rank=0, ranks=1, **options):
    data = Corpus(path, row_tokens=16, batch_size=5, rows=kind, **options)
    data.trainer = SimpleNamespace(global_rank=rank, world_size=ranks)
    data.setup("fit")
    return data, data.train_dataloader()


def tokens_of(batches):
    return torch.cat([b["input_ids"][b["attention_mask"].bool()] for b in batches]).tolist()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_every_token_once_an_epoch(corpus, kind, ranks):
    path, ends = corpus
    loaders = [loader(path, kind, rank, ranks)[1] for rank in range(ranks)]
    for epoch in (0, 1):
        for one in loaders:
            one.batch_sampler.set_epoch(epoch)
        assert len({len(one) for one in loaders}) == 1
        seen = [token for one in loaders for token in tokens_of(one)]
        assert sorted(seen) == list(range(ends["train"]["documents"][-1]))


@pytest.mark.parametrize("kind", KINDS)
def test_validation_has_every_token_too(corpus, kind):
    path, ends = corpus
    data, _ = loader(path, kind)
    assert sorted(tokens_of(data.val_dataloader())) == list(
        range(ends["validation"]["documents"][-1])
    )


@pytest.mark.parametrize("kind", KINDS)
def test_workers_change_nothing_and_the_seed_and_the_epoch_do(corpus, kind):
    def batches(epoch=0, **options):
        one = loader(corpus[0], kind, **options)[1]
        one.batch_sampler.set_epoch(epoch)
        return [{k: v.tolist() for k, v in batch.items()} for batch in one]

    first = batches()
    assert batches() == first == batches(workers=2)
    assert batches(seed=1) != first and batches(epoch=1) != first


@pytest.mark.parametrize("kind", KINDS)
def test_resumed_anywhere_the_rest_is_the_same(corpus, kind):
    one = loader(corpus[0], kind)[1]
    whole = [batch["index"].tolist() for batch in one]
    for stop in range(1, len(whole)):
        data, one = loader(corpus[0], kind)
        for _, batch in zip(range(stop), one, strict=False):
            assert batch["index"].tolist() in whole
        state = data.state_dict()
        again = Corpus(corpus[0], row_tokens=16, batch_size=5, rows=kind)
        again.setup("fit")
        again.load_state_dict(state)
        assert [batch["index"].tolist() for batch in again.train_dataloader()] == whole[stop:]


def test_dense_rows_are_full(corpus):
    rows = torch.cat([batch["attention_mask"].sum(1) for batch in loader(corpus[0], "dense")[1]])
    assert (rows < 16).sum() <= 1


def test_documents_are_numbered_and_rows_of_documents_hold_one(corpus):
    path, ends = corpus
    owners = np.searchsorted(ends["train"]["documents"], np.arange(70_000), "right")
    for kind in KINDS:
        for batch in loader(path, kind)[1]:
            mask = batch["attention_mask"].bool()
            ids, documents = batch["input_ids"], batch["document_ids"]
            assert documents[mask].tolist() == owners[ids[mask]].tolist()
            assert (documents[~mask] == -1).all() and (ids[~mask] == VOCABULARY - 1).all()
            if kind != "dense":
                assert ((documents == documents[:, :1]) | ~mask).all()


def test_long_documents_are_cut_between_sentences(corpus):
    path, ends = corpus
    sentences = set(ends["train"]["sentences"])
    for batch in loader(path, "document")[1]:
        last = batch["input_ids"].gather(1, batch["attention_mask"].sum(1, keepdim=True) - 1)
        assert all(int(token) + 1 in sentences for token in last)


def test_a_pair_s_boundary_is_a_sentence_end_inside_the_row(corpus):
    path, ends = corpus
    sentences, alone, places = set(ends["train"]["sentences"]), 0, set()
    one = loader(path, "pairs")[1]
    for epoch in range(3):
        one.batch_sampler.set_epoch(epoch)
        for batch in one:
            for row, length, boundary, index in zip(
                batch["input_ids"],
                batch["attention_mask"].sum(1),
                batch["boundary"],
                batch["index"],
                strict=True,
            ):
                inside = {int(t) - int(row[0]) for t in row[1:length] if int(t) in sentences}
                alone += not inside
                assert int(boundary) in inside if inside else boundary == 0
                places.add((int(index), int(boundary)))
    data, _ = loader(path, "pairs")
    count = int((data._rows["train"].sentences() < 2).sum())
    assert alone == 3 * count and f"{count} of" in data.notes()[0]
    assert len(places) > 1.1 * len(data._rows["train"])  # other places in other epochs


class Toy(LightningModule):
    """Remembers what it was shown."""

    def __init__(self):
        super().__init__()
        self.layer, self.seen = torch.nn.Linear(1, 1), []

    def training_step(self, batch, number):
        self.seen.append(batch["index"].tolist())
        return self.layer(batch["input_ids"].float().mean().reshape(1, 1) / VOCABULARY).sum()

    def validation_step(self, batch, number):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class SaveAt(Callback):
    def __init__(self, step, path):
        self.step, self.path = step, path

    def on_train_batch_end(self, trainer, *rest):
        if trainer.global_step == self.step:
            trainer.save_checkpoint(self.path)


def test_a_trainer_goes_on_where_it_stopped(corpus, tmp_path):
    def fit(step=0, checkpoint=None):
        toy, data = Toy(), Corpus(corpus[0], row_tokens=16, batch_size=5)
        Trainer(
            max_epochs=2,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            callbacks=[SaveAt(step, tmp_path / f"{step}.ckpt")],
        ).fit(toy, data, ckpt_path=checkpoint)
        return toy.seen

    whole = fit()
    for step in (3, len(whole) // 2, len(whole) // 2 + 3):
        assert fit(step) == whole
        assert fit(checkpoint=tmp_path / f"{step}.ckpt") == whole[step:]


def test_bad_input(corpus, tmp_path):
    for folder, message in ((tmp_path / "nowhere", "no such folder"), (tmp_path, "no manifest")):
        with pytest.raises(FileNotFoundError, match=f"--data.path {folder}: .*{message}"):
            Corpus(str(folder))
    with pytest.raises(ValueError, match=r"--data.row_tokens 1: a row needs at least 2"):
        Corpus(corpus[0], row_tokens=1)
    data, _ = loader(corpus[0], "dense")
    other = Corpus(corpus[0], row_tokens=8, batch_size=5)
    with pytest.raises(
        ValueError, match=r"--data.row_tokens: the run was trained with .* 16, not 8"
    ):
        other.load_state_dict(data.state_dict())
    make(tmp_path, fingerprint="other")
    with pytest.raises(
        ValueError, match=r"--data.path: the run was trained with fingerprint f, not"
    ):
        Corpus(str(tmp_path), 16, 5).load_state_dict(data.state_dict())
