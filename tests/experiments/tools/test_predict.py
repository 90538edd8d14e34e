"""predict.py: what it writes for each kind of file and model, and its one-line errors."""

import csv
import io
import json
import os
import signal
from functools import partial

import pyarrow.parquet as pq
import pytest

import modules
from experiments.common.runs import record_start
from experiments.tools import predict, prediction_loop
from modules.exporting import export
from tests.modules import cells

ROWS = [{"id": n, "text": text} for n, text in enumerate(cells.TEXTS * 3)]


@pytest.fixture(scope="module")
def places(bert, llama, tmp_path_factory):
    """A module and its export for each of some tasks."""
    folder = tmp_path_factory.mktemp("exports")
    found = {}
    for task, backbone in (
        *((name, bert) for name in ("class", "number", "several", "pairs")),
        ("chat", llama),
    ):
        module = cells.stirred(modules.Adapter, backbone, cells.TASKS[task]())
        found[task] = module, str(export(module, folder / task))
    return found


@pytest.fixture
def run(piped):
    """Call predict.py in this process: exit code, output, errors."""
    return partial(piped, predict)


def write(file, rows=ROWS):
    """A file of rows, by its extension."""
    if file.suffix == ".jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif file.suffix == ".txt":
        file.write_text("".join(row["text"] + "\n" for row in rows))
    else:
        with file.open("w", newline="") as stream:
            comma = "\t" if file.suffix == ".tsv" else ","
            table = csv.DictWriter(stream, list(rows[0]), delimiter=comma)
            table.writeheader()
            table.writerows(rows)
    return str(file)


def read(file):
    if file.suffix == ".parquet":
        return pq.read_table(file).to_pylist()
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text().splitlines()]
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.quick_if(lambda case: (case["source"] == "in.csv") == (case["output"] != "out.csv"))
@pytest.mark.parametrize("source", ["in.csv", "in.tsv", "in.jsonl", "in.txt"])
@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet"])
def test_rows_keep_their_order_and_columns(source, output, places, run, folder, monkeypatch):
    monkeypatch.setattr(prediction_loop, "_WINDOW", 5)
    module, place = places["class"]
    ended = run(place, write(folder / source), "--output", output)
    assert ended.code == 0 and ended.out == "", ended
    rows = read(folder / output)
    assert [row["text"] for row in rows] == [row["text"] for row in ROWS]
    if source != "in.txt":
        assert [int(row["id"]) for row in rows] == list(range(12))
    chances = module.predict_proba([row["text"] for row in ROWS])
    assert [row["prediction"] for row in rows] == [cells.LABELS[n] for n in chances.argmax(1)]
    for row, wanted in zip(rows, chances, strict=True):
        said = [float(row[f"probability_{label}"]) for label in cells.LABELS]
        assert said == pytest.approx(wanted.tolist(), abs=1e-5)
        assert float(row["confidence"]) == pytest.approx(max(wanted), abs=1e-5)
    assert not list(folder.glob("*.part"))
    for line in ("12 rows in ", "bad ", "mean confidence 0.", f"done   {output}"):
        assert line in ended.err, ended.err


def test_each_task_writes_its_own_kind(places, run, folder):
    source = write(folder / "in.csv")
    for task in ("number", "several", "chat"):
        module, place = places[task]
        ended = run(place, source, "--output", "out.jsonl")
        assert ended.code == 0, ended
        rows = read(folder / "out.jsonl")
        wanted = module.predict([row["text"] for row in ROWS])
        found = [row["prediction"] for row in rows]
        assert found == (pytest.approx(wanted, abs=1e-5) if task == "number" else wanted)
        assert ("confidence" in rows[0]) == (task == "several")
    pairs = [{**row, "other": "dull"} for row in ROWS]
    module, place = places["pairs"]
    ended = run(place, write(folder / "two.csv", pairs), "--pair_column", "other")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [r["prediction"] for r in rows] == module.predict([(r["text"], "dull") for r in ROWS])


def test_lines_from_a_pipe(places, run):
    module, place = places["class"]
    ended = run(place, lines='a gripping film\n\na film, "dull"\n')
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    texts = ["a gripping film", 'a film, "dull"']
    assert [row["text"] for row in rows] == texts
    assert [row["prediction"] for row in rows] == module.predict(texts)


def test_top_labels_and_names_that_the_file_has_too(places, run, folder):
    rows = [{"prediction": "mine", "top_1": "mine", **row} for row in ROWS]
    ended = run(places["class"][1], write(folder / "in.csv", rows), "--top", "2")
    assert ended.code == 0, ended
    found = list(csv.DictReader(io.StringIO(ended.out)))
    assert list(found[0]) == [
        *("prediction", "top_1", "id", "text", "model_prediction", "confidence"),
        *("model_top_1", "top_1_probability", "top_2", "top_2_probability"),
    ]
    assert all(
        r["prediction"] == "mine" and r["model_top_1"] == r["model_prediction"] for r in found
    )
    assert "note   the file has a column prediction: ours is model_prediction" in ended.err


def test_bad_and_long_rows_are_listed(places, run, folder):
    rows = [{"text": "warm"}, {"text": " "}, {"text": 5}, {}, {"text": "film " * 400_000}]
    source = write(folder / "in.jsonl", rows)
    (folder / "in.jsonl").open("a").write('{"text": "cut\n')
    place = places["class"][1]
    ended = run(place, source, "--output", "out.csv")
    assert ended.code == 2 and "in.jsonl, row 2: 'text' is empty: repair it, or" in ended.err
    assert not list(folder.glob("out*"))
    ended = run(place, source, "--output", "out.csv", "--bad_rows", "skip")
    assert ended.code == 0 and len(read(folder / "out.csv")) == 2
    assert "1 row was longer than the model reads and was cut: row 5" in ended.err
    assert (
        "4 rows were left out: row 2: 'text' is empty; row 3: 'text' is not a text (5)" in ended.err
    )
    assert "row 6: is not JSON" in ended.err


def test_ctrl_c_keeps_whole_rows(places, run, folder, monkeypatch):
    monkeypatch.setattr(prediction_loop, "_WINDOW", 5)
    whole, calls = prediction_loop.inference.predict, []

    def pressed(*args, **settings):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return whole(*args, **settings)

    monkeypatch.setattr(prediction_loop.inference, "predict", pressed)
    for output in ("out.csv", "out.jsonl", "out.parquet"):
        calls.clear()
        ended = run(places["class"][1], write(folder / "in.csv"), "--output", output)
        assert ended.code == 130 and "interrupted" in ended.err
        assert f"the first 10 predicted rows are in {output}.part" in ended.err
        part = folder / f"{output}.part"
        assert not (folder / output).exists()
        assert len(read(part.rename(folder / f"part-{output}"))) == 10


def test_a_run_is_found_as_the_last_and_by_its_id(places, run, folder):
    made = folder / "outputs" / "adapter_sst2" / "named"
    made.mkdir(parents=True)
    record_start(made)
    ended = run("last", lines="warm\n")
    assert ended.code == 2 and "last: no run with a model in outputs" in ended.err
    os.symlink(places["class"][1], made / "export")
    for wanted in ("last", "named", str(made)):
        assert run(wanted, lines="warm\n").code == 0


MISTAKES = [
    ("class", "in.csv --column body", "--column body: in.csv: no column 'body' (there: 'id', 'te"),
    ("class", "nowhere.csv", "--source: nowhere.csv: there is no such file or folder: check the"),
    ("class", "empty.csv", "empty.csv: is empty"),
    ("class", "in.csv --output out.xlsx", "the name ends in none of .csv, .jsonl, .parquet"),
    ("class", "in.csv --output in.csv", "--output in.csv: is the file to predict; give another"),
    ("class", "in.csv --output no/out.csv", "there is no folder no; give another name"),
    ("class", "in.csv --top 4", "--top 4: the model has 3 labels"),
    ("class", "in.csv --top 0", "--top 0: at least 1"),
    ("class", "in.csv --max_new_tokens 4", "--max_new_tokens: Classification writes no answers"),
    ("class", "--column text", "--column: standard input has lines and no columns; give a FILE"),
    ("class", ". ", ".: is a folder; give one of its files"),
    ("class", "other.csv", "--column: other.csv: no column 'text' or 'sentence' (there: 'a', 'b')"),
    ("number", "in.csv --top 1", "--top 1: Regression has no labels"),
    ("pairs", "in.csv", "--pair_column: PairClassification reads pairs; name the second text"),
    ("chat", "in.csv --pair_column id", "--pair_column id: InstructionFollowing reads one text"),
    ("class", "in.csv --outptu a", "did you mean --output?"),
]


@pytest.mark.parametrize(("task", "words", "said"), MISTAKES)
def test_a_mistake_is_one_line(task, words, said, places, run, folder):
    write(folder / "in.csv")
    (folder / "empty.csv").write_text("")
    (folder / "other.csv").write_text("a,b\n1,2\n3,4\n")
    ended = run(places[task][1], *words.split())
    assert ended.code == 2 and ended.out == ""
    assert said in ended.err and ended.err.count("\n") == 1, ended.err


def test_a_model_that_does_not_predict_is_one_line(run, bert, folder):
    write(folder / "in.csv")
    ended = run(bert, "in.csv")
    assert ended.code == 2 and "a pre-trained network (BertModel) without a head" in ended.err
    (folder / "half").mkdir()
    ended = run("half", "in.csv")
    assert ended.code == 2 and "half: holds no export" in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("shots", [0, 1])
def test_a_run_that_asked_prompts_predicts(shots, experiment, llama, run):
    model = modules.InContext if shots else modules.ZeroShot
    flags = ["--model.shots", "1"] if shots else []
    flags += ["--model.task.template", "{{ text }} {{ mask }}", "--data.max_length", "9"]
    ended = experiment(
        "--model.backbone", llama, "--data", "TextFiles", "--data.source", "my.csv", *flags,
        "--trainer.accelerator", "cpu", bare=True, name="zero_shot_sst2", model=model,
    )  # fmt: skip
    assert ended.code == 0, ended
    found = run(str(ended.run), lines="a warm film\nstupid\n")
    assert found.code == 0, found
    rows = list(csv.DictReader(io.StringIO(found.out)))
    assert {row["prediction"] for row in rows} <= {"negative", "positive"} and len(rows) == 2
