"""convert.py: files that other programs open, and its one-line errors."""

import importlib.util
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import transformers

import modules
from experiments.common.runs import record_start
from experiments.tools import conversion, convert
from modules import conversion as formats
from modules.exporting import export
from tests.modules import cells
from tests.pages import ROOT

# As a stranger without this project, torch or transformers does.
STRANGER = """
import importlib.abc, sys
class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "modules", "datamodules"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hide())
code = open("README.md", encoding="utf-8").read().split("```python\\n")[1].split("```")[0]
exec(code, {})
"""
CELLS = {
    "class": (modules.LoRA, "bert"),
    "mean": (modules.FullFineTuning, "bert"),
    "number": (modules.LinearProbe, "bert"),
    "pairs": (modules.Adapter, "bert"),
    "several": (modules.PrefixTuning, "bert"),
    "decoder": (modules.LoRA, "llama"),
    "decoder-pairs": (modules.IA3, "llama"),
}


@pytest.fixture
def run(piped):
    """Call convert.py in this process: exit code, output, errors."""

    def call(words):
        done = piped(convert, *words)
        return done.code, done.out, done.err

    return call


@pytest.fixture
def places(request, tmp_path):
    """Makes the export of a strategy and a task, as a module and a folder."""

    def made(strategy, backbone, task):
        source = request.getfixturevalue(backbone)
        module = cells.stirred(strategy, source, cells.TASKS[task]())
        return module, str(export(module, tmp_path / "export"))

    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", CELLS)
def test_onnx_opens_without_this_project(name, run, places, tmp_path):
    strategy, backbone = CELLS[name]
    task = {"decoder": "class", "decoder-pairs": "pairs"}.get(name, name)
    module, folder = places(strategy, backbone, task)
    code, said, errors = run([folder, "--to", "onnx", "--output", str(tmp_path / "made")])
    assert (code, errors) == (0, "")
    assert "greatest difference of a logit: " in said
    moved = shutil.move(tmp_path / "made", tmp_path / "else where")
    left = {"README.md", "config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"}
    assert {file.name for file in Path(moved).iterdir()} == left
    done = subprocess.run(
        [sys.executable, "-c", STRANGER], cwd=moved, capture_output=True, text=True, check=True
    )
    pairs = [("a gripping film", "a moving one"), ("dull", "cold")]
    texts = pairs if module.task.pairs else ["a gripping film", "dull"]
    for line, text, value in zip(
        done.stdout.splitlines(), texts, module.predict(texts), strict=True
    ):
        assert line.startswith(str(text))
        if task == "number":
            assert abs(float(line.rpartition(" ")[2]) - value) < 1e-4
        else:
            assert line == f"{text} {value}"


def test_gguf_of_a_run_is_beside_its_export(run, places, tmp_path, monkeypatch):
    folder = places(modules.LoRA, "llama", "chat")[1]
    record_start(tmp_path)
    code, said, errors = run([str(tmp_path), "--to", "gguf", "--type", "q8_0"])
    assert (code, errors) == (0, "")
    made = tmp_path / "gguf"
    assert {file.name for file in made.iterdir()} == {"README.md", "model-q8_0.gguf"}
    assert said.splitlines()[-1] == "gguf"  # as seen from here
    lines = (made / "README.md").read_text()
    monkeypatch.chdir(made)
    found: dict = {}
    exec(lines.split("```python\n")[1].split("```")[0], found)
    assert isinstance(found["model"], transformers.LlamaForCausalLM)
    # A file alone, from the export.
    code, said, errors = run([folder, "--to", "gguf", "--output", str(tmp_path / "one.gguf")])
    assert (code, errors) == (0, "")
    assert (tmp_path / "one.gguf").is_file()
    assert not list(tmp_path.glob(".making*"))


def test_gguf_of_a_pre_trained_decoder(run, llama, tmp_path):
    target = tmp_path / "new" / "network.gguf"
    code, _, errors = run([llama, "--to", "gguf", "--type", "f32", "--output", str(target)])
    assert (code, errors) == (0, "")
    assert target.stat().st_mode & 0o044


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--to", "onnx", "--type", "f16"], "--type f16: of GGUF alone; ONNX is written in fp32"),
        (["--to", "onnx", "--output", "m.onnx"], "ONNX is a folder with the tokenizer"),
        (["--to", "gguf", "--output", "."], "--output .: exists; remove it"),
        (["--to", "gguf"], "GGUF is for decoders that write text, and this is BertModel (bert)"),
        (["--to", "onnx"], "a pre-trained network (BertModel) without a head for a task"),
        (["--to", "tflite"], "invalid choice: 'tflite'"),
        ([], "the following arguments are required: --to"),
    ],
)
def test_a_mistake_is_one_line(flags, line, run, bert):
    code, said, errors = run([bert, *flags])
    assert (code, said) == (2, "")
    assert line in errors
    assert errors.count("\n") == 1
    assert not Path(f"{bert}-{flags[-1:]}").exists()


@pytest.mark.parametrize("kind", ["onnx", "gguf"])
def test_a_half_written_folder_is_one_line(kind, run, llama, tmp_path):
    folder = shutil.copytree(llama, tmp_path / "in" / "half")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:2000])
    code, _, errors = run([str(folder), "--to", kind])
    assert code == 2
    assert errors.count("\n") == 1
    assert ("may be half written" in errors) == (kind == "gguf")
    assert [path.name for path in folder.parent.iterdir()] == ["half"]


@pytest.mark.parametrize(
    ("strategy", "backbone", "task", "kind", "line"),
    [
        (modules.Adapter, "llama", "chat", "gguf", "Adapter adds layers"),
        (modules.PromptTuning, "llama", "chat", "gguf", "a trained prompt stands before the text"),
        (modules.LoRA, "bert", "class", "gguf", "Classification (bert): --to onnx converts it"),
        (modules.LoRA, "bert", "words", "onnx", "and this is PromptedClassification"),
        (modules.LoRA, "llama", "chat", "onnx", "and this is InstructionFollowing"),
    ],
)
def test_a_model_without_a_place_in_the_format(strategy, backbone, task, kind, line, run, places):
    folder = places(strategy, backbone, task)[1]
    code, _, errors = run([folder, "--to", kind])
    assert code == 2
    assert line in errors
    assert errors.count("\n") == 1
    assert not Path(f"{folder}-{kind}").exists()


def test_a_missing_library_names_the_extra(run, bert, monkeypatch):
    find = importlib.util.find_spec
    hidden = lambda name, *rest: None if name == "onnxruntime" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", hidden)
    code, _, errors = run([bert, "--to", "onnx"])
    assert code == 2
    assert "onnxruntime, which runs the file, is missing: pip install" in errors
    assert "[onnx]" in errors


@pytest.mark.parametrize("how", ["other logits", "Ctrl-C", "a full disk"])
def test_what_ends_early_leaves_nothing(how, run, llama, tmp_path, monkeypatch):
    def ends(opened, file, kind):
        file.write_bytes(b"half")
        if how == "Ctrl-C":
            raise KeyboardInterrupt
        if how == "a full disk":
            raise OSError(28, "No space left on device", str(file))
        raise formats.differences.DifferenceError("the logits differ")

    monkeypatch.setattr(conversion.gguf_file, "write", ends)
    target = tmp_path / "made" / "model.gguf"
    code, said, errors = run([llama, "--to", "gguf", "--output", str(target)])
    assert code == {"other logits": 1, "Ctrl-C": 130, "a full disk": 2}[how]
    assert said == ""
    assert len(errors.strip().splitlines()) == 1
    assert not list(target.parent.iterdir())


def test_the_extra_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {one.partition(">")[0] for one in project["optional-dependencies"]["onnx"]}
    assert named == set(conversion._ONNX)
    assert "gguf>=0.19" in project["dependencies"]  # transformers reads the bundled decoder by it
