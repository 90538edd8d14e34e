"""What is measured before and after an instruction tuning: tables, wordings, and a resume."""

from callbacks import GenerationSamples, UnseenTasks
from datamodules import Instructions
from modules import InstructionFollowing, LoRA
from tests import tiny


def test_the_tables_of_answers_are_of_the_run(speaker, records, films, capsys):
    asked = {"unseen": "imdb,translate_fr", "unseen_wordings": 4}
    data = Instructions(records, speaker, max_length=160, **asked)
    module = tiny.make(LoRA, speaker, task=InstructionFollowing(data.chat_template))
    memory = tiny.Memory()
    answers = GenerationSamples(max_new_tokens=4)
    runs = tiny.trainer([answers, UnseenTasks()], max_epochs=1, logger=memory)
    runs.fit(module, data)
    shown = runs.test(module, data, verbose=False)[0]
    assert {"before/imdb", "test/imdb", "before/loss", "test/rouge_l"} <= shown.keys()
    assert {"before/translate_fr_rouge_l", "test/translate_fr_rouge_l"} <= shown.keys()
    spread = {f"imdb_wordings_{name}" for name in ("std", "min", "max")}
    assert {f"{when}/{name}" for when in ("before", "test") for name in spread} <= shown.keys()
    assert shown["test/imdb_wordings_min"] <= shown["test/imdb"] <= shown["test/imdb_wordings_max"]
    said = capsys.readouterr().out
    assert "imdb, not taught: zero-shot accuracy" in said and "over 4 wordings: from " in said
    assert "translate_fr, not taught: zero-shot ROUGE-L" in said and "same 3 questions" in said
    asked = memory.tables["test/unseen_tasks"]
    assert [row[0] for row in asked["data"]] == ["imdb"] * 4 + ["translate_fr"] * 4
    table = memory.tables["test/answers"]
    assert table["columns"] == ["prompt", "reference", "before", "after"]
    assert [row[2] for row in table["data"]] == answers.before["answers"]


def test_what_was_before_survives_a_resume(speaker, records):
    data = Instructions(records, speaker, max_length=160)
    module = tiny.make(LoRA, speaker, task=InstructionFollowing(data.chat_template))
    first = GenerationSamples(max_new_tokens=2)
    tiny.fit(module, data, first, max_epochs=1)
    again = GenerationSamples(max_new_tokens=2)
    again.load_state_dict(first.state_dict())
    again.measure = None  # it would be called
    tiny.fit(module, data, again, max_epochs=1)
    assert again.before == first.before
