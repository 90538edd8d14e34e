"""Tagged sentences: the formats in which they come, and what is wrong with some of them."""

import json

import pytest

from datamodules import WNUT, TaggedFiles, hub
from datamodules.files import ReadOptions
from datamodules.tagging.data import TaggedText
from datamodules.tagging.files import TagColumns, read_file, read_tagged
from datamodules.tagging.schemes import to_bio
from datamodules.tagging.sentences import of_spans
from datamodules.tagging.splits import tagged_dataset

WORDS = [["EU", "rejects", "German", "call"], ["Peter", "Blackburn"]]
TAGS = [["B-ORG", "O", "B-MISC", "O"], ["B-PER", "I-PER"]]
CONLL_2003 = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
German JJ B-NP B-MISC
call NN I-NP O

Peter NNP B-NP B-PER
Blackburn NNP I-NP I-PER
"""
CONLL_U = """# sent_id = 1
# text = EU rejects German call
1\tEU\tEU\tPROPN\t_\t_\t2\tnsubj\t_\t_
2\trejects\treject\tVERB\t_\t_\t0\troot\t_\t_
3-4\tGermancall\t_\t_\t_\t_\t_\t_\t_\t_
3\tGerman\tGerman\tADJ\t_\t_\t4\tamod\t_\t_
4\tcall\tcall\tNOUN\t_\t_\t2\tobj\t_\t_
"""
KAGGLE = """Sentence #,Word,POS,Tag
Sentence: 1,EU,NNP,B-ORG
,rejects,VBZ,O
,German,JJ,B-MISC
,call,NN,O
Sentence: 2,Peter,NNP,B-PER
,Blackburn,NNP,I-PER
"""
LISTS = [{"tokens": w, "ner_tags": t} for w, t in zip(WORDS, TAGS, strict=True)]
STRINGS = "tokens,tags\n" + "".join(f'"{w}","{t}"\n' for w, t in zip(WORDS, TAGS, strict=True))
SPANS = [
    {"text": "EU rejects German call", "spans": [[0, 2, "ORG"], [11, 17, "MISC"]]},
    {"text": "Peter Blackburn", "spans": [{"start": 0, "end": 15, "label": "PER"}]},
]
FILES = {
    "train.txt": CONLL_2003,
    "tabs.tsv": "\n\n".join(
        "\n".join(f"{w}\t{t}" for w, t in zip(*s, strict=True))
        for s in zip(WORDS, TAGS, strict=True)
    ),
    "windows.conll": CONLL_2003.replace("\n", "\r\n"),
    "tab_between.bio": (
        "EU\tB-ORG\nrejects\tO\nGerman\tB-MISC\ncall\tO\n\t\nPeter\tB-PER\nBlackburn\tI-PER"
    ),
    "words.csv": KAGGLE,
    "lists.jsonl": "\n".join(map(json.dumps, LISTS)),
    "strings.csv": STRINGS,
    "spans.jsonl": "\n".join(map(json.dumps, SPANS)),
    "doccano.jsonl": "\n".join(
        json.dumps({"text": row["text"], "label": row["spans"]}) for row in SPANS
    ),
}


def read(path, **columns):
    return read_file(path, TagColumns(**columns), ReadOptions())


@pytest.mark.parametrize("name", FILES)
def test_formats(name, tmp_path):
    file = tmp_path / name
    file.write_text(FILES[name], encoding="utf-8", newline="")
    found = read(file)
    assert (found.words, found.tags) == (WORDS, TAGS)


def test_parts_of_speech_of_conll_u(tmp_path):
    file = tmp_path / "train.conllu"
    file.write_text(CONLL_U, encoding="utf-8")
    assert read(file).tags == [["PROPN", "VERB", "ADJ", "NOUN"]]
    assert read(file, tags="8").tags == [["nsubj", "root", "amod", "obj"]]


def test_integers_are_named(tmp_path):
    file = tmp_path / "train.jsonl"
    row = json.dumps({"tokens": ["Peter", "says"], "ner_tags": [1, 0]})
    file.write_text(f"{row}\n{row}", encoding="utf-8")
    assert read(file, names=("O", "B-PER", "I-PER")).tags == [["B-PER", "O"]] * 2


@pytest.mark.parametrize(
    ("tags", "wanted", "inside"),
    [
        ("I-PER I-PER O I-LOC B-LOC", "B-PER I-PER O B-LOC B-LOC", 2),  # IOB1
        ("B-PER I-PER", "B-PER I-PER", 0),
        ("B-PER I-LOC", "B-PER B-LOC", 1),
        ("S-PER O B-LOC E-LOC S-LOC", "B-PER O B-LOC I-LOC B-LOC", 0),  # BIOES
        ("U-PER O B-LOC I-LOC L-LOC I-LOC", "B-PER O B-LOC I-LOC I-LOC B-LOC", 1),  # BILOU
    ],
)
def test_schemes_become_bio(tags, wanted, inside):
    assert to_bio(tags.split()) == (wanted.split(), inside)


def test_a_span_that_ends_in_a_word_cuts_it():
    words, tags = of_spans("Berliner Mauer", [[0, 6, "LOC"]])
    assert (words, tags) == (["Berlin", "er", "Mauer"], ["B-LOC", "O", "O"])
    assert of_spans("在北京。", [[1, 3, "LOC"]]) == (
        ["在", "北", "京", "。"],
        ["O", "B-LOC", "I-LOC", "O"],
    )


BAD = {
    "short.jsonl": (json.dumps({"tokens": ["a", "b"], "tags": ["O"]}), "row 1: 2 words and 1 tags"),
    "no_tag.conll": ("Peter B-PER\nsays\n", "row 2: 'says' has no tag"),
    "beyond.jsonl": (json.dumps({"text": "Peter", "spans": [[0, 9, "PER"]]}), "span 0-9 .* 5 char"),
    "overlap.jsonl": (
        json.dumps({"text": "New York", "spans": [[0, 8, "LOC"], [4, 8, "PER"]]}),
        "overlap: keep one",
    ),
    "empty.conll": ("\n\n", "has no sentences"),
    "column.jsonl": (json.dumps({"tokens": ["a"], "kind": ["O"]}), "no column 'tags' .*'kind'"),
    "number.jsonl": (json.dumps({"tokens": ["a"], "tags": 3}), "row 1: 3 is not a list"),
    "no_word.jsonl": (json.dumps({"tokens": ["a", ""], "tags": ["O", "O"]}), "the word 2 is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_fault_names_file_and_row(name, tmp_path):
    text, wanted = BAD[name]
    twice = "\n" * name.endswith("jsonl") + text  # a lone object of lists is a table of columns
    (tmp_path / name).write_text(text + twice, encoding="utf-8")
    with pytest.raises(ValueError, match=f"{name}.*{wanted}"):
        read(tmp_path / name)


def test_bad_sentences_can_be_skipped(tmp_path):
    rows = [*LISTS, {"tokens": ["a", "b"], "ner_tags": ["O"]}]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = read_file(tmp_path / "train.jsonl", TagColumns(), ReadOptions(bad_rows="skip"))
    assert found.words == WORDS
    assert found.notes == [
        "train.jsonl: 1 sentences were left out: row 3: 2 words and 1 tags: give each word one tag"
    ]


def of(splits, tmp_path, bad_rows="stop"):
    for name, rows in splits.items():
        text = "\n\n".join("\n".join(" ".join(pair) for pair in row) for row in rows)
        (tmp_path / f"{name}.conll").write_text(text, encoding="utf-8")
    found = read_tagged(tmp_path, TagColumns(), ReadOptions())
    return tagged_dataset(found, str(tmp_path), bad_rows)


def test_a_tag_that_train_has_not_is_named(tmp_path):
    splits = {
        "train": [[("Peter", "B-PER"), ("says", "O")]],
        "dev": [[("here", "O")], [("Paris", "B-LOK")]],
    }
    with pytest.raises(ValueError, match="validation, row 3: the tag 'B-LOK' is not in train"):
        of(splits, tmp_path)
    skipped = of(splits, tmp_path, "skip")
    assert skipped.splits["validation"].words == [["here"]]


def test_a_tag_without_a_prefix_is_named(tmp_path):
    with pytest.raises(ValueError, match="row 3: the tag 'PER' is neither O nor begins with B-"):
        of({"train": [[("Peter", "B-PER")], [("Ann", "PER")]]}, tmp_path)


def test_a_sentence_is_in_one_part_only(tmp_path):
    rows = [[(f"w{n}", "B-PER" if n % 3 else "O"), ("x", "O")] for n in range(60)]
    data = of({"train": rows + rows[:20]}, tmp_path)
    parts = [{tuple(words) for words in part.words} for part in data.splits.values()]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60
    assert data.label_names == ["O", "B-PER", "I-PER"]


def test_words_without_a_token_are_counted(tmp_path, bert):
    text = "\n\n".join(f"good{n} O\n\u200b B-x\nFilm B-x" for n in range(40))
    (tmp_path / "train.conll").write_text(text, encoding="utf-8")
    data = TaggedFiles(str(tmp_path), tokenizer=bert, max_length=16)
    data.setup("fit")
    assert any("have no token" in note for note in data.notes())


def test_the_hub_is_read_by_the_names_of_its_classes(monkeypatch):
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Sequence, Value

    tags = Sequence(ClassLabel(names=["O", "B-PER", "I-PER"]))
    features = Features(tokens=Sequence(Value("string")), ner_tags=tags)
    columns = {"tokens": [["Peter", "says"], ["yes"]], "ner_tags": [[1, 0], [0]]}
    rows = Dataset.from_dict(columns, features=features)
    monkeypatch.setattr(hub, "load", lambda repo, name: DatasetDict(train=rows, dev=rows))
    monkeypatch.setattr(hub, "source", lambda *asked: f"hub:{asked[0]}")
    monkeypatch.setattr(TaggedText, "hub_repo", "some/names")
    data = TaggedText("hub")
    for split in ("train", "validation"):
        assert data.dataset.splits[split].tags == [["B-PER", "O"], ["O"]]
    assert (data.origin, data.test_split) == ("hub:some/names", "validation")
    with pytest.raises(ValueError, match="no column 'words' .*'tokens', 'ner_tags'"):
        _ = TaggedText("hub", tokens_column="words").dataset


@pytest.mark.parametrize("flag", ["encoding", "tokens_column", "tags_column", "tag_names"])
def test_bundled_sentences_have_no_flags_of_files(flag):
    with pytest.raises(ValueError, match=f"^--data.{flag}: only files have one"):
        _ = WNUT("bundled", **{flag: "1"}).dataset
