"""Rows of language modelling hold all of every text, and decoders' texts end."""

import json

import pytest
import transformers

from datamodules import TextFiles

TEXTS = ["a gripping film", "the best film of the year " * 9, "dull", "a warm tale " * 80]


@pytest.fixture
def folder(tmp_path):
    for name in ("train", "dev", "test"):
        lines = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
        (tmp_path / f"{name}.jsonl").write_text(lines)
    return tmp_path


@pytest.mark.parametrize("max_length", [8, 13, None])
def test_no_token_is_lost_and_decoders_texts_end(folder, backbone, max_length):
    tokenizer = transformers.AutoTokenizer.from_pretrained(backbone)
    decoder = tokenizer.cls_token_id is None
    data = TextFiles(source=str(folder), tokenizer=backbone, labels="none", max_length=max_length)
    data.prepare_data()
    data.setup("fit")
    rows = data._rows["train"]
    found: dict[int, list[int]] = {}
    width = max_length or tokenizer.model_max_length
    for row in range(len(rows)):
        batch = rows.__getitems__([row])
        ids = batch["input_ids"][0][batch["attention_mask"][0] > 0].tolist()
        assert len(ids) <= width
        found.setdefault(int(rows.sources[row]), []).extend(ids if decoder else ids[1:-1])
        shown = batch["columns"]["text"][0]
        whole = tokenizer.decode(ids, skip_special_tokens=True).strip()
        assert "".join(shown.split()) == "".join(whole.split())
    for number, text in enumerate(TEXTS):
        wanted = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert found[number] == wanted + [tokenizer.eos_token_id] * decoder
    assert len(rows) > len(TEXTS)
    assert "long test texts were split into" in data.notes()[-1]
    assert set(data.facts()["cut_to_max_length"].values()) == {0}
