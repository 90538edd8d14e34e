"""The corpus pipeline when it cannot go on: bad input, a full disk, a kill and Ctrl-C."""

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from experiments.tools import prepare_corpus
from tests.experiments import forking
from tests.experiments.corpora import QUIET, SCRIPT, manifest, removals, run, start
from tests.experiments.running import environment

BAD = {
    "--source nowhere": "--source nowhere: no such file or folder; give imdb or sotu",
    "--languages en,xq": "--languages xq: no word tokenizer; there are",
    "--rules gopher": "--rules gopher: there are gopher_repetition, gopher_quality, c4, fineweb",
    "--pii mail": "--pii mail: there are",
    "--quality 2": "--quality 2.0: must be from 0 to 1",
    "--tasks 0": "--tasks 0: must be at least 1",
    "--vocabulary 12": "--vocabulary 12: bpe needs at least 264",
    "--tokenizer nowhere": "--tokenizer nowhere: neither bpe, wordpiece, unigram nor a tokenizer",
    "--decontaminate nowhere.txt": "--decontaminate nowhere.txt: neither imdb, rotten_tomatoes",
    "--executor slurm": "--executor slurm needs --partition NAME",
    "--validaton 0.1": "unknown flag --validaton; did you mean --validation?",
    "--exact_duplicates maybe": "--exact_duplicates maybe: must be",
    "--rules none --rules_of datatrove": "--rules_of datatrove: has no effect with --rules none",
    "--augment swop": "--augment swop: there are synonyms, deletion, swap",
}


@pytest.mark.parametrize("flags", BAD)
def test_bad_flags_are_one_line_and_nothing_is_written(
    flags, source, tmp_path, monkeypatch, capsys
):
    given = ["--source", source, "--output", tmp_path / "out", *flags.split()]
    line = [str(SCRIPT), *map(str, [*QUIET, *given])]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as error:
        prepare_corpus.main()
    said = capsys.readouterr().err.strip()
    assert error.value.code == 2 and "\n" not in said and BAD[flags] in said
    assert not (tmp_path / "out").exists()


def test_no_document_left_names_the_rule(source, tmp_path, monkeypatch, capsys):
    (source / "good.jsonl").write_text('{"text": "The story is too short to be used."}\n' * 9)
    words = ("--source", source, "--output", tmp_path / "out", "--rules", "gopher_quality")
    assert run(monkeypatch, *words) == 2
    said = capsys.readouterr().err
    assert "no document is left: gopher_quality/short_document took 9 of 9" in said


def test_an_attempt_that_left_no_document_does_not_stand_in_the_way(
    source, tmp_path, monkeypatch, capsys
):
    words = ("--source", source, "--output", tmp_path / "out", "--tasks", 2, "--workers", 1)
    assert run(monkeypatch, *words, "--text_column", "tezt") == 2
    said = capsys.readouterr().err
    assert "no document was found in it" in said and "no column 'tezt'" in said
    assert run(monkeypatch, *words) == 0
    assert "held no document after the last call; made anew" in capsys.readouterr().out
    assert manifest(tmp_path / "out")["splits"]["train"]["documents"]


def test_an_unreadable_file_ends_the_run_if_asked_to(source, tmp_path, monkeypatch, capsys):
    (source / "bad.jsonl").write_text("not json\n")
    words = ("--source", source, "--output", tmp_path / "out", "--tasks", 2, "--unreadable", "stop")
    assert run(monkeypatch, *words) == 2
    assert "--source: bad.jsonl, row 1: is not JSON" in capsys.readouterr().err


@pytest.mark.slow
def test_a_folder_that_holds_something_else(source, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    assert run(monkeypatch, "--source", source, "--output", source) == 2
    assert "is there already and holds no corpus" in capsys.readouterr().err
    assert run(monkeypatch, "--source", source, "--output", out, "--tasks", 2) == 0
    before = manifest(out)
    assert (
        run(monkeypatch, "--source", source, "--output", out, "--tasks", 2, "--quality", 0.9) == 2
    )
    assert "holds another corpus (quality 0.5, not 0.9)" in capsys.readouterr().err
    assert manifest(out) == before


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_run_goes_on_later(source, tmp_path, session_cache):
    words = ("--source", source, "--output", "out", "--tasks", 2, "--workers", 1)
    process = start(tmp_path, session_cache, *words, limits={"RLIMIT_FSIZE": 4096})
    error = process.communicate()[1]
    assert process.returncode == 2, error
    assert "no space left to write" in error.splitlines()[-1] and "Traceback" not in error
    process = start(tmp_path, session_cache, *words)
    assert process.communicate() and process.returncode == 0
    assert manifest(tmp_path / "out")["splits"]["train"]["documents"] > 50


@pytest.mark.slow
def test_killed_at_any_stage_it_ends_with_the_same_fingerprint(
    source, tmp_path, session_cache, monkeypatch
):
    words = ("--source", source, "--tasks", 3, "--output")
    assert run(monkeypatch, *words, tmp_path / "whole") == 0
    logs = tmp_path / "killed" / "work" / "logs"
    for stage in ("screen", "signatures", "near_duplicates", "tokenizer", "format"):
        process = start(tmp_path, session_cache, *words, "killed", "--workers", "2")
        while process.poll() is None and not (logs / stage / "executor.json").exists():
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (tmp_path / "killed" / "manifest.json").exists()
    process = start(tmp_path, session_cache, *words, "killed", "--workers", "2")
    _out, error = process.communicate()
    assert process.returncode == 0, error
    assert (
        manifest(tmp_path / "killed")["fingerprint"] == manifest(tmp_path / "whole")["fingerprint"]
    )
    assert removals(tmp_path / "killed") == removals(tmp_path / "whole")


@pytest.mark.slow
def test_interrupted_it_says_how_to_go_on(source, tmp_path, session_cache):
    words = ("--source", source, "--output", "out", "--tasks", 12, "--workers", "2")
    process = start(tmp_path, session_cache, *words)
    logs = tmp_path / "out" / "work" / "logs"
    while process.poll() is None and not (logs / "screen" / "executor.json").exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate()[1]
    assert process.returncode == 130 and "Traceback" not in error, error
    line = next(line for line in error.splitlines() if line.startswith("Continue"))
    command = shlex.split(line.partition(": ")[2])
    assert Path(command[0]).name.startswith("python") and command[1] == str(SCRIPT), command
    variables = environment(session_cache)
    again = forking.run([sys.executable, *command[1:]], cwd=tmp_path, env=variables, text=True)
    assert again.returncode == 0, again.stderr
