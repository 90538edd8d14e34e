"""Every shipped experiment and study: its command lines are understood, and it runs."""

import re
import runpy
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from experiments.studies import jobs, pretraining, workers
from modules.prompts.library import TEMPLATES
from tests import asked, preferred, seq2seq, stories, tagged
from tests.experiments import chatting, running, shipped
from tests.experiments.shipped import EXPERIMENTS, STUDIES, module_of

REQUIRED = {"pretrain": ["--data.path", "corpus"]}  # flags that have no default

Lines = dict[Path, list[list[str]]]


def by_name(script: Path) -> str:
    return script.stem


@pytest.fixture(scope="module")
def lines_of_studies(tmp_path_factory) -> dict[Path, Lines]:
    """For each study, what it would run: the flags of each run by the run's script."""
    folder = tmp_path_factory.mktemp("studies")
    corpus = Path(stories.write(folder / "stories"))
    wanted: dict[Path, Lines] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(pretraining, "_corpus", lambda *_: corpus)
        for study in STUDIES:
            wanted[study] = found = defaultdict(list)

            def collect(comparison: jobs.Comparison, found: Lines = found) -> None:
                for job in comparison.jobs:
                    words = [*job.row.tracking, *job.flags]
                    if words not in found[job.row.file]:  # seeds differ in nothing else
                        found[job.row.file].append(words)
                raise SystemExit(0)

            patch.setattr(jobs.Comparison, "run", collect)
            module = module_of(study)
            rows = getattr(module, "ROWS", None) or module.ORIGINS
            everything = ["--only", *(row.name for row in rows)]
            for words in ([], everything, *shipped.examples(study)):
                patch.setattr(sys, "argv", [str(study), *words])
                with pytest.raises(SystemExit) as stop:
                    module.main(module.__file__, module.__doc__, rows)
                assert stop.value.code == 0, words
    return wanted


Parsed = dict[Path, dict[tuple[str, ...], object]]


def parse(lines: Lines) -> Parsed:
    """What every line was parsed to, all in one process, or what was said against it."""
    found = workers.call(shipped.parse_all, lines)
    return {
        script: dict(zip(map(tuple, words), found[script], strict=True))
        for script, words in lines.items()
    }


@pytest.fixture(scope="module")
def parsed() -> Parsed:
    """The lines of the experiments."""
    return parse({script: own_lines(script) for script in EXPERIMENTS})


def form(words: list[str]) -> tuple[str, ...]:
    """The words of a line with 0 for each number."""
    return tuple(re.sub(r"(?<![^ =])\d[\d.e+-]*$", "0", word) for word in words)


@pytest.fixture(scope="module")
def parsed_rows(lines_of_studies) -> dict[Path, dict[tuple[str, ...], object]]:
    """The lines that the studies would run, by form: of several of a form the first."""
    lines: dict[Path, dict[tuple, list[str]]] = defaultdict(dict)
    for wanted in lines_of_studies.values():
        for script, some in wanted.items():
            for words in some:
                lines[script].setdefault(form(words), words)
    found = parse({script: list(some.values()) for script, some in lines.items()})
    return {
        script: {of: found[script][tuple(words)] for of, words in some.items()}
        for script, some in lines.items()
    }


def own_lines(script: Path) -> list[list[str]]:
    """The defaults alone, and the docstring's examples."""
    required = REQUIRED.get(script.stem, [])
    found = [[], *(words for words in shipped.examples(script) if words)]
    return [[*required, *words] for words in found]


@pytest.mark.parametrize("script", EXPERIMENTS, ids=by_name)
def test_defaults_and_examples_of_an_experiment_are_understood(script, parsed):
    for words in own_lines(script):
        said = parsed[script][tuple(words)]
        assert not isinstance(said, str), f"{words}: {said}"


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES, ids=by_name)
def test_every_row_and_example_of_a_study_is_understood(study, lines_of_studies, parsed_rows):
    assert sum(map(len, lines_of_studies[study].values())) >= 2
    for script, lines in lines_of_studies[study].items():
        for words in lines:
            said = parsed_rows[script][form(words)]
            assert not isinstance(said, str), f"{script.stem} {' '.join(words)}: {said}"


PROMPTED = [
    *("--model.task.template", "{{ text }}\nIt was"),
    *("--model.task.verbalizer", '{"negative": "bad", "positive": "good"}'),
    *("--data.max_length", "9"),
]
WRITING = ["--data.train_rows", "24", "--model.task.max_new_tokens", "4"]
# What an experiment needs beside the flags of a tiny run of a fine-tuning: flags are appended.
MORE = {
    "partial_freezing_sst2": ["--model.frozen_layers", "1"],
    "zero_shot_sst2": PROMPTED,
    "nli_snli": ["--data.pair_column", "text", "--data.train_rows", "40"],
    "in_context_sst2": [*PROMPTED, "--model.shots", "1"],
    "in_context_choices": ["--model.shots", "1"],
    "in_context_qa": [
        *("--model.shots", "1", "--data.test_rows", "8", "--model.task.max_new_tokens", "4"),
        *("--model.task.template", "{{ context }} {{ question }}"),
    ],
    "headlines": [*WRITING, "--data.max_source_length", "24"],
    "translation": [*WRITING, "--model.rank", "4"],
}
# Experiments whose data are no labelled texts: the data module, and a function that writes rows.
OTHER_DATA = {
    "headlines": ("Seq2SeqFiles", seq2seq.write),
    "in_context_choices": ("ChoiceFiles", lambda folder: asked.write(folder, asked.with_choices())),
    "in_context_qa": ("QuestionFiles", lambda folder: asked.write(folder, asked.questions())),
    "ner_wnut": ("TaggedFiles", tagged.write),
    "social_iqa": ("ChoiceFiles", lambda folder: asked.write(folder, asked.with_choices())),
    "squad": ("QuestionFiles", lambda folder: asked.write(folder, asked.questions())),
    "translation": ("Seq2SeqFiles", seq2seq.write),
}
PROMPTING = {"zero_shot_sst2", "in_context_sst2", "in_context_choices", "in_context_qa"}
DECODERS = {"headlines", "social_iqa", "translation", *PROMPTING}
SHORT = """--trainer.max_epochs 1 --trainer.limit_train_batches 2 --trainer.limit_val_batches 1
    --trainer.limit_test_batches 1""".split()


def tiny_run(script: Path, folder: Path, bert: str, llama: str) -> list[str]:
    """The flags of a run of two steps on a tiny network."""
    if script.stem == "pretrain":
        own = f"""--data.path {stories.write(folder / "stories")} --model.size tiny
            --data.row_tokens 24 --data.batch_size 4 --trainer.accelerator cpu
            --trainer.precision 32-true --tracking.mode disabled"""
        # Four steps: it validates each quarter of an epoch.
        return [*own.split(), *SHORT, "--trainer.limit_train_batches", "4"]
    if script.stem == "instruction_tuning":
        speaker = chatting.save_speaker(folder / "speaker")
        words = chatting.flags(speaker, chatting.write_records(folder / "my.jsonl"))
        few = "--data.train_rows 20 --data.eval_rows 8 --data.tasks none --data.unseen none"
        return [*words, *few.split(), *SHORT]
    if script.stem == "dpo":
        speaker = chatting.save_speaker(folder / "speaker")
        return [*chatting.flags(speaker, preferred.write(folder / "couples.jsonl")), *SHORT]
    if script.stem in OTHER_DATA:
        kind, rows = OTHER_DATA[script.stem]
        own = {"TextFiles": kind, "my.csv": str(rows(folder / "rows"))}
        words = running.flags(llama if script.stem in DECODERS else bert)
        more = MORE.get(script.stem, [])
        return [*(own.get(word, word) for word in words), *SHORT, *more]
    backbone = llama if script.stem in PROMPTING else bert
    return [*running.flags(backbone), *SHORT, *MORE.get(script.stem, [])]


@pytest.mark.parametrize("script", EXPERIMENTS, ids=by_name)
def test_an_experiment_runs_two_steps(script, folder, bert, llama, monkeypatch, capfd):
    words = tiny_run(script, folder, bert, llama)
    monkeypatch.setattr(sys, "argv", [str(script), *words])
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        assert not stop.code, (
            f"{script.name} {' '.join(words)}: {capfd.readouterr().err}\n"
            "If it needs more than the flags of a tiny run, add them to MORE or tiny_run."
        )
    result = running.result(run := running.only_run(folder, script.stem))
    assert any(name.startswith("val/") for name in result["metrics"]), result
    trains = script.stem not in PROMPTING
    assert bool(result["parameters"]["trainable"]) is trains
    assert (run / "export" / "README.md").exists() is trains


# The flags of this study's data are those of one data module, whose archive the tests have not.
FETCHES = {"prompting_qa"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "study",
    [one for one in STUDIES if hasattr(module_of(one), "ROWS") and one.stem not in FETCHES],
    ids=by_name,
)
def test_two_rows_of_a_study_run(study, folder, bert, monkeypatch, capfd):
    """The flags of the rows stay, but for the backbone, the data and the number of steps."""
    module = module_of(study)
    # The tiny encoder has two layers, and other rows freeze up to six.
    rows = [row for row in module.ROWS if row.script != "partial_freezing_sst2"][:2]
    asks = {row.script for row in rows} & PROMPTING
    backbone = chatting.save_speaker(folder / "speaker") if asks else bert
    words = [*running.flags(backbone), *SHORT]
    line = ["--seeds", "1", "--only", *(row.name for row in rows), "--", *words]
    monkeypatch.setattr(sys, "argv", [str(study), *line])
    module.main(module.__file__, module.__doc__, module.ROWS)
    made = folder / "outputs" / study.stem
    table = (made / "table.md").read_text()
    names = {row.name for row in rows}
    names = {name.rpartition(", ")[0] if name[-1].isdigit() else name for name in names}
    assert all(f"| {name} " in table for name in names), table
    assert len(list(made.glob("runs/*/*/*/result.json"))) == 2, capfd.readouterr()


def test_the_study_of_templates_has_all_of_them():
    (script,) = (script for script in STUDIES if script.stem == "templates_sst2")
    named = runpy.run_path(str(script))["NAMES"]
    assert named == list(TEMPLATES)
