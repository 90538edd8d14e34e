"""The splits of a data set of the hub as labelled splits."""

import pytest


def hub_dict(**splits: dict[str, list]):
    import datasets

    return datasets.DatasetDict({k: datasets.Dataset.from_dict(v) for k, v in splits.items()})


def test_matched_splits_of_mnli_are_the_validation_and_pairs_are_read():
    from datamodules import hub

    rows = {"premise": ["a", "b"], "hypothesis": ["c", "d"], "label": [0, 1]}
    other = {"premise": ["x"], "hypothesis": ["y"], "label": [1]}
    unlabelled = {"premise": ["z"], "hypothesis": ["z"], "label": [-1]}
    found = hub_dict(
        train=rows, validation_mismatched=rows, validation_matched=other, test_matched=unlabelled
    )
    read = hub.to_dataset(found, "premise", "hypothesis")
    assert set(read.splits) == {"train", "validation"}
    assert read.splits["validation"].texts == ["x"] and read.splits["validation"].pairs == ["y"]
    assert read.notes == ["hub split test_matched has no labels: it is not used"]
    with pytest.raises(ValueError, match=r"hub split train: no column 'sentence' \(there: 'premi"):
        hub.to_dataset(found)
    with pytest.raises(ValueError, match=r"no train split .there: test_matched"):
        hub.to_dataset(hub_dict(test_matched=unlabelled))


def test_a_hub_dataset_without_validation_gets_one_cut_from_train_and_keeps_its_test():
    from datamodules import hub
    from datamodules.splitting import hash_split

    texts = [f"review {i}" for i in range(200)]
    train = {"text": texts, "label": [i % 2 for i in range(200)]}
    test = {"text": ["one", "two"], "label": [0, 1]}
    read = hub.to_dataset(hub_dict(train=train, test=test, unsupervised=train))
    assert read.splits["test"].texts == ["one", "two"]
    cut = [t for t in texts if hash_split(t, 0.1, 0.0) == "validation"]
    assert 5 < len(cut) < 40 and read.splits["validation"].texts == cut
    assert set(read.splits["train"].texts) == set(texts) - set(cut)


@pytest.mark.parametrize(("text", "label"), [("data.text", "facts.kind"), ("1", "2")])
def test_columns_by_path_and_by_number(text, label):
    from datamodules import hub

    rows = 40
    data = {"data": [{"text": f"review {i}"} for i in range(rows)]}
    facts = {"facts": [{"kind": "ab"[i % 2]} for i in range(rows)]}
    if text == "1":
        data, facts = (
            {"data": [f"review {i}" for i in range(rows)]},
            {"k": ["a", "b"] * (rows // 2)},
        )
    read = hub.to_dataset(hub_dict(train=data | facts), text, label_column=label)
    texts = [one for split in read.splits.values() for one in split.texts]
    assert sorted(texts) == sorted(f"review {i}" for i in range(rows))
    assert read.label_names == ("a", "b")
