"""The README and the guides: each command line is parsed by the command itself, each Python block
runs on tiny parts, each file and flag that is named exists."""

import ast
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests import stories, tiny_cache
from tests.command_lines import parse_all
from tests.pages import (
    BLOCK,
    EXPERIMENTS,
    FOLDERS,
    PAGES,
    ROOT,
    Block,
    blocks,
    commands,
    every_command,
    read,
    script_and_flags,
    spans,
)

# Command lines ---------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A user's folder with the files of docs/extending.md and a run that can be resumed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.syspath_prepend(str(tmp_path))
    for block in blocks("docs/extending.md"):
        if block.kind == "file":
            (tmp_path / block.about).write_text(block.text)
    return tmp_path


README, GUIDES = PAGES[:1], PAGES[1:]


def lines_of(pages: list[str]) -> dict[tuple[str, ...], tuple[str, list[str]]]:
    found = [script_and_flags(words) for page, words in every_command() if page in pages]
    return {(script, *flags): (script, flags) for script, flags in filter(None, found)}


@pytest.mark.parametrize("pages", [README, GUIDES], ids=["readme", "guides"])
@pytest.mark.quick_if(lambda case: case["pages"] == README)
def test_every_command_line_is_parsed_by_its_command(pages, home, monkeypatch):
    """Of the guides those that the README does not have as well."""
    lines, before = lines_of(pages), lines_of(README) if pages == GUIDES else {}
    asked = [line for words, line in lines.items() if words not in before]
    assert len(asked) > (80 if pages == GUIDES else 10)
    known = parse_all(asked, home, monkeypatch)
    # The pages have some flags of these in prose only.
    prose = [("experiments/ia3_sst2.py", []), ("experiments/in_context_qa.py", [])]
    path = ["--data.path", "x", "--model"]
    prose += [("experiments/pretrain.py", [*path, one]) for one in ("CausalLM", "SpanCorruption")]
    known |= parse_all(prose, home, monkeypatch)
    named = [
        re.match(r"--(model|data|trainer|tracking)\.[\w.]+", s) for p in pages for s in spans(p)
    ]
    assert {match[0] for match in named if match} <= known


@pytest.mark.parametrize(
    "line",
    [
        "python experiments/lora_sst2.py --model.rnak 3",
        "pretune compare --curvs val/loss",
        "pretune prepare_corpus --source imdb --output x --langauges en",
        "python experiments/strategies.py -- --model.bakcbone smollm2",
        "python experiments/pretrain_then_finetune.py --only mml",
        "pretune ablate lora_sst2 --vary model.rnak=2,8",
        "torchrun --nnodes 2 experiments/pretrain.py --data.paht data/imdb",
        "python experiments/no_such_file.py",
    ],
)
def test_a_mistyped_command_would_be_seen(line, home, monkeypatch):
    with pytest.raises((ValueError, AssertionError)):
        parse_all([script_and_flags(shlex.split(line))], home, monkeypatch)


def test_other_commands_name_what_exists():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    targets = set(re.findall(r"^([\w-]+):", read("Makefile"), re.M))
    for page, words in every_command():
        if script_and_flags(words):
            continue
        line = f"{page}: {shlex.join(words)}"
        match words:
            case ["make", target, *_]:
                assert target in targets, line
            case ["pip", "install", "-e", what]:
                extras = re.findall(r"\w+", what)
                assert set(extras) <= project["optional-dependencies"].keys(), line
            case ["python", "-m", module, *_]:
                place = ROOT / module.replace(".", "/")
                files = place.with_suffix(".py"), place / "__main__.py"
                assert module == "pytest" or any(file.is_file() for file in files), line
            case ["python", "-c", code]:
                ast.parse(code)
                exec(code.rpartition(";")[0], {})
            case ["curl", *_, address]:
                assert address.startswith("http://127.0.0.1:8000/"), line
            case [".", ".venv/bin/activate"] | ["export", _] | ["echo", _]:
                pass
            case _:
                raise AssertionError(f"{line}: of a kind that no test looks at")


# Python ----------------------------------------------------------------------------------------


def python_blocks() -> list[Block]:
    found = [b for page in PAGES for b in blocks(page) if b.language == "python"]
    return list({b.text: b for b in reversed(found) if b.kind != "file"}.values())


@pytest.mark.parametrize("block", python_blocks(), ids=lambda b: f"{b.page}-{len(b.text)}")
def test_python_blocks_run(block, tmp_path, monkeypatch, bert, llama, capsys):
    """As they stand: the cache of the bundled parts holds tiny ones of the same names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRETUNE_CACHE", str(tiny_cache.make(tmp_path / "cache", bert, llama)))
    if "data/imdb" in block.text:
        stories.write(tmp_path / "data" / "imdb", stories=900)
    if block.about == "export":
        from modules import Adapter
        from modules.exporting import export

        export(Adapter(backbone="minilm"), tmp_path / "outputs/adapter_sst2/RUN/export")
    exec(compile(block.text, block.page, "exec"), {"__name__": "block"})


# Names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    here = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)]+)\)", BLOCK.sub("", read(page))):
        file, _, anchor = target.partition("#")
        path = here / file if file else ROOT / page
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", path.read_text()), re.M)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, target


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page):
    for span in spans(page):
        for word in span.split():
            if word.startswith(FOLDERS) and not re.search(r"[*<A-Z]|\bRUN\b", word):
                assert (ROOT / word).exists(), word
        if tool := re.fullmatch(r"pretune ([a-z_]+)", span):
            assert (ROOT / f"experiments/tools/{tool[1]}.py").exists(), span


def test_error_lines_are_those_of_the_program():
    """Most of a line, behind its flag, stands in the sources: 12 characters and more at a time."""
    files = [path for folder in FOLDERS[:4] for path in (ROOT / folder).rglob("*.py")]
    joined = re.compile(r"""["']\s*\n\s*f?["']""")  # inside a string over several lines
    sources = "\n".join(joined.sub("", path.read_text()) for path in files)
    shown = [block.text for block in blocks("docs/troubleshooting.md") if not block.language]
    for line in "".join(shown).splitlines():
        said = re.sub(r"^--\S+ \S+: ", "", line)
        places = [n for n in range(len(said) - 11) if said[n : n + 12] in sources]
        found = {place + step for place in places for step in range(12)}
        assert len(found) > 0.6 * len(said), line


def test_blocks_have_a_language_that_a_test_knows():
    assert {block.language for page in PAGES for block in blocks(page)} == {"sh", "python", ""}
    for page in PAGES:
        assert len(re.findall(r"^```", read(page), re.M)) == 2 * len(blocks(page)), page


def test_readme_is_short_and_lists_every_experiment_and_tool():
    readme = read("README.md")
    assert len(readme.splitlines()) <= 220
    rows = re.findall(r"^\| `(\w+)` \|", readme, re.M)
    tools = [p for p in (ROOT / "experiments/tools").glob("*.py") if "__main__" in p.read_text()]
    assert sorted(rows) == sorted(path.stem for path in [*EXPERIMENTS, *tools])


def test_papers_list_every_objective_and_strategy():
    from modules.finetuning.base import FineTuningModule
    from modules.pretraining.base import PretrainingModule
    from modules.registry import registered

    page = read("docs/papers.md")
    for base in (PretrainingModule, FineTuningModule):
        ours = (n for n, cls in registered(base).items() if cls.__module__.startswith("modules."))
        for name in ours:  # other tests define classes of their own
            assert f"`{name}`" in page or name == "Peft", name


def test_the_chinese_readme_has_the_same_commands_links_and_figures():
    english, chinese = "README.md", "README.zh.md"

    def code(page: str) -> list:
        return [
            list(commands(b.text)) if b.language == "sh" else b.text
            for b in blocks(page)
            if b.language
        ]

    def links(page: str) -> list[str]:
        return sorted(set(re.findall(r"\]\(([^)]+)\)", read(page))) - {english, chinese})

    def rows(page: str) -> list[list[str]]:
        lines = [line for line in read(page).splitlines() if line.startswith("|")]
        return [sorted(re.findall(r"`[^`]+`|\d[\d.,]*", line)) for line in lines]

    assert code(english) == code(chinese)
    assert links(english) == links(chinese)
    assert rows(english) == rows(chinese)
    titles = [re.findall(r"^#+ ", read(page), re.M) for page in (english, chinese)]
    assert titles[0] == titles[1]


def test_nothing_of_this_machine_is_in_a_page():
    listed = subprocess.run(["git", "ls-files", "*.md", "*.cff"], cwd=ROOT, capture_output=True)
    for name in listed.stdout.decode().split() or PAGES:
        assert not re.search(r"/(work|tmp|root|home)/", read(name)), name
