"""The runs from raw text to an evaluation, and what their records declare."""

import json
import sys
from pathlib import Path

import modules
from datamodules import Corpus
from experiments import full_sst2, pretrain
from experiments.runner import cli
from experiments.tools import lineage, prepare_corpus
from experiments.tracking import wandb_log
from tests.experiments import running
from tests.experiments.corpora import prose
from tests.experiments.running import TINY_PRETRAINING


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
    return ran(
        monkeypatch,
        pretrain,
        "--data.path",
        path,
        *TINY_PRETRAINING,
        "--trainer.max_epochs",
        1,
        *more,
    )


def tuned(monkeypatch, backbone, *more):
    from datamodules import SST2

    words = running.flags(backbone, "--trainer.max_epochs", 1, *more, tracked=True)
    full = modules.FullFineTuning
    return ran(
        monkeypatch, full_sst2, *words, "--model.task.pooling", "mean", model=full, data=SST2
    )


def shown(capsys, monkeypatch, *words, code=0):
    """What lineage.py prints, as rows of words; or its one line of error."""
    monkeypatch.setattr(sys, "argv", ["lineage.py", *map(str, words)])
    monkeypatch.delenv("COLUMNS", raising=False)  # as in a pipe, where rows are whole
    capsys.readouterr()
    ended = 0
    try:
        lineage.main()
    except SystemExit as stop:
        ended = stop.code
    out, err = capsys.readouterr()
    assert ended == code, (out, err)
    return err.strip() if code else out.strip().splitlines()


def artifacts(run):
    """(type, name, digest, used rather than made) of each artifact in a run's record."""
    from wandb.proto.wandb_internal_pb2 import Record

    log = running.written(run)
    found = [Record.FromString(data).artifact for data in wandb_log.records(log)]
    own = [a for a in found if a.name and a.type != "run_table"]
    return [(a.type, a.name, a.digest, a.use_after_commit) for a in own]


def prepared(folder, monkeypatch, out) -> Path:
    rows = [{"text": prose(number)} for number in range(40)]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = f"--source in.jsonl --output {out} --vocabulary 400 --decontaminate none --tasks 1"
    monkeypatch.setattr(sys, "argv", ["prepare_corpus.py", *words.split(), "--workers", "1"])
    prepare_corpus.main()
    return Path(out)
