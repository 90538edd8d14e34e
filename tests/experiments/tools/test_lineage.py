"""lineage.py: the chain from an evaluation to the raw text, walked back with no server."""

import json
import shutil
from pathlib import Path

import pytest

from tests import stories
from tests.experiments import running
from tests.experiments.running import result
from tests.experiments.tools.chaining import pretrained, shown, tuned


def test_from_the_evaluation_to_the_raw_text(kept_chain, capsys, monkeypatch):
    path, made, run = kept_chain
    lines = shown(capsys, monkeypatch, run.name)
    commit = result(run)["git_commit"][:7]
    kinds = ["evaluation", "model", "dataset", "model", "corpus", "text", "tokenizer", "text"]
    assert [line.lstrip("│├└─ ").split()[0] for line in lines[1:]] == [*kinds, "dataset"]
    fingerprint = json.loads((path / "manifest.json").read_text())["fingerprint"]
    wanted = [
        ("test/accuracy", run.name, commit, f"{run}/result.json"),
        (f"my-full-fine-tuning-{run.name}", run.name, commit, f"{run}/export"),
        ("my.csv", result(run)["data"]["fingerprint"][:12], "my.csv"),
        (f"stories-maskedlm-{made.name}", made.name, commit, f"{made}/export"),
        (f"corpus-{fingerprint[:12]}", fingerprint[:12], "261101-120000-abcd", "2026-11-01 12:00"),
        ("stories (stories)", f"{3:032x}"[:12]),
        ("tokenizer-", "261101-120000-abcd", "stories/tokenizer"),
    ]
    for line, parts in zip(lines[1:], wanted, strict=False):
        assert all(part in line for part in parts), (line, parts)
    assert not any("note" in line or "any more" in line for line in lines)
    assert shown(capsys, monkeypatch, "last") == lines
    exported = shown(capsys, monkeypatch, run / "export")
    assert [line.lstrip("│├└─ ").split()[0] for line in exported[1:]] == kinds[1:]
    whole = json.loads("\n".join(shown(capsys, monkeypatch, run, "--json")))
    backbone = whole["inputs"]["model"]["inputs"]["backbone"]
    assert backbone["inputs"]["corpus"]["inputs"]["text"]["digest"] == f"{3:032x}"
    assert len(shown(capsys, monkeypatch, path)) == 3  # heads, corpus, text


@pytest.mark.slow
def test_a_folder_that_was_moved_is_found_by_its_digest(chain, capsys, monkeypatch, folder):
    path, made, run = chain
    (made / "export").rename("outputs/kept")
    path.rename(folder / "elsewhere")
    lines = shown(capsys, monkeypatch, run, "--also", "elsewhere")
    assert "outputs/kept" in next(line for line in lines if f"stories-maskedlm-{made.name}" in line)
    assert lines[5].endswith("elsewhere") and lines[7].endswith("elsewhere/tokenizer")
    lines = shown(capsys, monkeypatch, run)
    assert lines[5].endswith("not here any more") and "corpus-" in lines[5]
    shutil.rmtree("outputs/kept")
    shutil.rmtree(made)
    lines = shown(capsys, monkeypatch, run)  # the chain is in the fine-tuned model
    assert lines[4].endswith("not here any more") and f"{3:032x}"[:12] in lines[6]


@pytest.mark.slow
def test_a_moved_export_still_knows_where_it_came_from(chain, capsys, monkeypatch, folder):
    _, made, _ = chain
    shutil.move(made / "export", folder / "carried")
    run = tuned(monkeypatch, folder / "carried")
    lines = shown(capsys, monkeypatch, run)
    assert f"stories-maskedlm-{made.name}" in lines[4] and lines[4].endswith("carried")
    assert "corpus-" in lines[5] and len(lines) == 10


def test_a_changed_file_breaks_the_edge_and_is_said(chain, capsys, monkeypatch):
    _, made, run = chain
    before = result(run)["inputs"]["backbone"]["digest"]
    card = made / "export" / "README.md"
    card.write_text(card.read_text() + "edited")
    lines = shown(capsys, monkeypatch, run)
    assert lines[4].endswith("not here any more")
    assert lines[-1].startswith(
        f"note   model stories-maskedlm-{made.name}: {made}/export holds another"
    )
    assert lines[-1].endswith(f"instead of {before[:12]}")
    capsys.readouterr()
    again = tuned(monkeypatch, made / "export")
    name = f"stories-maskedlm-{made.name}"
    said = f"note   backbone {name} has changed since {made.name} made it: digest "
    assert said in capsys.readouterr().out
    assert result(again)["inputs"]["backbone"]["digest"] != before
    lines = shown(capsys, monkeypatch, again)
    assert f"stories-maskedlm-{made.name} (changed since)" in lines[4]
    assert "has changed since" in lines[-1] and before[:12] in lines[-1]


def test_a_changed_corpus_is_said_where_it_is_used(folder, capsys, monkeypatch):
    path = Path(stories.write(folder / "stories"))
    tokens = path / "train" / "00000.ds"
    tokens.write_bytes(tokens.read_bytes()[:-4] + tokens.read_bytes()[-2:] * 2)
    capsys.readouterr()
    run = pretrained(monkeypatch, path)
    out = capsys.readouterr().out
    assert "corpus corpus-" in out and "has changed since 261101-120000-abcd made it" in out
    assert "(changed since)" in shown(capsys, monkeypatch, run)[3]


@pytest.mark.slow
def test_an_unfinished_run_says_what_it_began_with(chain, capsys, monkeypatch):
    _, made, run = chain
    running.recorded(run)
    (run / "result.json").unlink()
    lines = shown(capsys, monkeypatch, run)
    assert lines[1].startswith("run  full_sst2, finished")
    for part in ("my.csv", f"stories-maskedlm-{made.name}", "corpus-"):
        assert any(part in line for line in lines[2:]), part


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("nowhere", "nowhere: no such run in outputs; the latest there: none"),
        ("last", "last: no finished run in outputs"),
        (".", ".: not a run, export or corpus with a lineage"),
        ("", "the following arguments are required: RUN"),
        ("old", "old: ended before runs declared their lineage"),
    ],
)
def test_bad_input_is_one_line(words, line, folder, capsys, monkeypatch):
    (folder / "old").mkdir()
    (folder / "old" / "result.json").write_text("{}")
    said = shown(capsys, monkeypatch, *words.split(), code=2)
    assert "\n" not in said and said.startswith(f"lineage.py: error: {line}"), said
