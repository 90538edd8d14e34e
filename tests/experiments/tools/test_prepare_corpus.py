"""The corpus pipeline as its user meets it."""

import gzip
import json
import os
import random
import resource
import shlex
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from datamodules.pipeline.stage_files import read_rows
from experiments.tools import prepare_corpus
from tests.experiments.running import ROOT, environment

SCRIPT = ROOT / "experiments" / "tools" / "prepare_corpus.py"
QUIET = ["--tracking.mode", "disabled", "--vocabulary", "400", "--decontaminate", "none"]
NOUNS = """harbour boat net boy dog wind sea knot soup evening morning street house door song river
    teacher garden letter window winter bridge market doctor village summer forest kitchen train
    soldier church farmer mountain station island painter neighbour captain sister horse""".split()
ADJECTIVES = """old young quiet broken yellow famous narrow heavy gentle empty wooden clever cold
    friendly silver hungry distant careful dusty early bright foreign humble""".split()
VERBS = """found mended watched lost followed painted sold remembered forgot counted carried hid
    borrowed described visited opened crossed admired feared built answered""".split()
PATTERNS = [
    "The {a} {n} {v} the {m} with a {b} {o}.",
    "They {v} a {a} {n} that had been in the {m} for years.",
    "In the {m}, {n} after {n} was {v} by the {a} {o}.",
    "Nobody {v} the {n} of that {b} {m}, but everyone {w} it.",
    "She {v} her {a} {n} and {w} to be as {b} as the {o}.",
    "There was a {n} in every {m}, and the {b} {o} {v} them all.",
    "When he {v} the {a} {m}, his {n} {w} him.",
    "It is said that a {b} {n} once {v} the {o} of the {m}.",
]


def prose(seed, sentences=12):
    """English that no rule objects to, another for each seed."""
    draw, made = random.Random(seed), []
    for _ in range(sentences):
        words = dict(zip("nmo", draw.sample(NOUNS, 3), strict=True))
        words |= dict(zip("ab", draw.sample(ADJECTIVES, 2), strict=True))
        words |= dict(zip("vw", draw.sample(VERBS, 2), strict=True))
        made.append(draw.choice(PATTERNS).format(**words))
    return "\n".join(" ".join(made[i : i + 3]) for i in range(0, sentences, 3))


def documents(folder):
    return {
        row["id"]: row
        for path in sorted((folder / "documents").glob("*.parquet"))
        for row in read_rows(path)
    }


def removals(folder):
    return {row["id"]: row for row in read_rows(folder / "removed.parquet")}


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    rows = [{"id": f"good-{i}", "text": prose(i)} for i in range(60)]
    (folder / "good.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run(monkeypatch, *words, workers=1):
    """In this process; the exit code."""
    line = [str(SCRIPT), *QUIET, "--workers", str(workers), *map(str, words)]
    monkeypatch.setattr(sys, "argv", line)
    try:
        prepare_corpus.main()
    except SystemExit as error:
        return error.code
    return 0


def start(folder, cache, *words, **options):
    """As a command line, in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, words), *QUIET],
        cwd=folder,
        env=environment(cache) | options.pop("variables", {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,
    )


FRENCH = (
    "Le film raconte l'histoire d'un jeune homme qui quitte son village pour la grande ville, où "
    "il rencontre des gens étranges. La mise en scène est remarquable et les acteurs jouent bien. "
)
SWEARING = (
    "You are a fucking asshole. Fuck off, you stupid bitch. What a piece of shit that man is. The "
    "bastard should shut his fucking mouth. These idiots suck and they are dumb as shit. "
)
EVALUATION = (
    "A slow-moving and rather touching film about two old men who mend boats, hardly ever speaking."
)


def test_planted_cases_go_or_stay_each_for_the_right_reason(source, tmp_path, monkeypatch, capsys):
    def write(name, text):
        (source / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    write("french.txt", FRENCH * 8)
    write("mixed.txt", FRENCH * 8 + prose(100, 24))
    body = "".join(f"<p>{line}</p>" for line in prose(101, 18).split("\n"))
    write("soup.html", f"<html><head><style>p{{}}</style></head><body><nav>Home</nav>{body}</body>")
    write("pii.txt", prose(102) + "\nMail jane.doe@example.org or call (212) 555-0187 about it.")
    write("swearing.txt", SWEARING + prose(103, 8))
    write(
        "dick.txt", prose(105) + "\nMoby Dick was read in Scunthorpe by Dick Van Dyke and a cock."
    )
    write("leak.txt", prose(106) + "\nHe wrote: " + EVALUATION.upper().replace(",", " --") + ".")
    write("empty.txt", "  \n ")
    write("broken.txt", prose(107).encode().replace(b"e", b"\xff\xfe\xff"))
    write("menu.txt", "\n".join([prose(109, 3)] * 6))
    write("short.txt", prose(110, 3))
    write("copy.txt", prose(3))
    write("nearly.txt", prose(300, 24) + " And so it ended.")
    write("nearly-too.txt", prose(300, 24))
    write("notice.txt", prose(108) + "\n© 2019 Acme Corp. All rights reserved.")
    lines = [json.dumps({"id": f"cut-{i}", "text": prose(200 + i)}) for i in range(40)]
    write("cut.jsonl.gz", gzip.compress("\n".join(lines).encode())[:-300])
    evaluation = tmp_path / "evaluation.txt"
    evaluation.write_text(EVALUATION + "\nanother sentence that nobody has in it at all\n")

    assert run(
        monkeypatch,
        *("--source", source, "--output", tmp_path / "out", "--tasks", 3),
        *("--decontaminate", evaluation, "--validation", 0.2),
    ) == 0  # fmt: skip
    kept, gone = documents(tmp_path / "out"), removals(tmp_path / "out")
    reasons = {name: (row["stage"], row["rule"]) for name, row in gone.items()}
    assert reasons.pop("copy.txt" if "copy.txt" in gone else "good-3")[0] == "exact duplicates"
    assert reasons.pop("nearly.txt" if "nearly.txt" in gone else "nearly-too.txt")[0] == (
        "near duplicates"
    )
    assert reasons == {
        "french.txt": ("language", "language"),
        "mixed.txt": ("language", "language"),
        "swearing.txt": ("safety", "toxicity"),
        "leak.txt": ("decontamination", "contamination"),
        "empty.txt": ("clean", "empty"),
        "broken.txt": ("clean", "broken_encoding"),
        "menu.txt": ("gopher_repetition", "duplicate_lines"),
        "short.txt": ("gopher_quality", "short_document"),
    }
    for row in gone.values():
        assert row["excerpt"] or row["rule"] == "empty"
        assert (row["kept_id"] in kept) == ("duplicates" in row["stage"])
    assert gone["leak.txt"]["detail"].startswith("evaluation.txt: a slow moving and rather")
    assert gone["mixed.txt"]["value"] < 0.65 and gone["short.txt"]["value"] < 50
    assert "<EMAIL>" in kept["pii.txt"]["text"] and "<PHONE>" in kept["pii.txt"]["text"]
    assert "Acme" not in kept["notice.txt"]["text"] and "Moby Dick" in kept["dick.txt"]["text"]
    assert "Home" not in kept["soup.html"]["text"] and "<p>" not in kept["soup.html"]["text"]
    cut = [name for name in kept if name.startswith("cut-")]
    assert 20 <= len(cut) < 40

    found = manifest(tmp_path / "out")
    assert found["unreadable"]["count"] == 1 and "cut.jsonl.gz" in found["unreadable"]["first"][0]
    assert found["edits"]["email masked"] == 1
    first, last = found["funnel"][0], found["funnel"][-1]
    assert first["documents_in"] == len(kept) + len(gone) and last["documents_out"] == len(kept)
    assert all(a["documents_out"] == b["documents_in"]
               for a, b in zip(found["funnel"], found["funnel"][1:], strict=False))  # fmt: skip
    printed = capsys.readouterr().out
    assert "could not be read: cut.jsonl.gz" in printed and "done   " in printed
    assert not (tmp_path / "out" / "work").exists()


def test_shards_hold_the_documents(source, tmp_path, monkeypatch):
    from datatrove.utils.dataset import DatatroveFolderDataset
    from transformers import AutoTokenizer

    from datamodules.shards import open_stream

    out = tmp_path / "out"
    assert (
        run(monkeypatch, "--source", source, "--output", out, "--tasks", 3, "--validation", 0.3)
        == 0
    )
    found, tokenizer = manifest(out), AutoTokenizer.from_pretrained(out / "tokenizer")
    kept = documents(out)
    for name in ("train", "validation"):
        split = open_stream(out, name, found)
        texts = [row["text"] for row in kept.values() if row["split"] == name]
        assert len(split.document_ends) == len(texts) == found["splits"][name]["documents"] > 5
        for start_, stop, text in zip(
            [0, *split.document_ends], split.document_ends, texts, strict=False
        ):
            ids = split.read(int(start_), int(stop))
            assert ids[-1] == tokenizer.eos_token_id and tokenizer.decode(ids[:-1]) == text
        # A sentence ends with its full stop, perhaps with the line break behind it.
        for end in split.sentence_ends:
            before = tokenizer.decode(split.read(max(0, int(end) - 4), int(end)))
            assert before.removesuffix("</s>").rstrip().endswith(".")
        theirs = DatatroveFolderDataset(
            str(out / name), seq_len=15, token_size=found["token_bytes"], shuffle=False
        )
        width = 16
        first = split.read(0, int(split.starts[1]) // width * width).reshape(-1, width)
        for row in range(len(first)):
            assert theirs[row]["input_ids"].tolist() == first[row].tolist()


CHINESE_WORDS = [
    "老人 男孩 渔网 港口 村庄 老师 花园 信 窗户 冬天 桥 市场 医生 夏天 森林 厨房 火车 士兵".split(),
    "找到了 看见了 忘记了 画了 卖了 记得 打开了 走过 喜欢 听说了 带来了 离开了".split(),
    "古老的 安静的 黄色的 有名的 沉重的 温柔的 冷的 聪明的 遥远的 明亮的".split(),
]


def chinese(seed, sentences=16):
    draw, made = random.Random(seed), []
    for _ in range(sentences):
        nouns, verb = draw.sample(CHINESE_WORDS[0], 3), draw.choice(CHINESE_WORDS[1])
        adjective = draw.choice(CHINESE_WORDS[2])
        made.append(f"他在{nouns[0]}里{verb}{adjective}{nouns[1]}，也没有和{nouns[2]}说话。")
    return "\n".join("".join(made[i : i + 4]) for i in range(0, sentences, 4))


def test_chinese_beside_english(source, tmp_path, monkeypatch):
    for number in range(12):
        (source / f"zh-{number}.txt").write_text(chinese(number))
    (source / "zh-near.txt").write_text(chinese(3, 40) + "\n结束了。")
    (source / "zh-near-too.txt").write_text(chinese(3, 40))
    out = tmp_path / "out"
    words = ("--source", source, "--output", out, "--tasks", 2, "--languages", "en,zh")
    # Made of 40 words, they repeat themselves more than people do.
    rules = ("--rules", "gopher_quality,c4,fineweb")
    assert run(monkeypatch, *words, *rules, "--tokenizer", "unigram") == 0
    kept, gone = documents(out), removals(out)
    languages = {name: row["language"] for name, row in kept.items()}
    assert sum(language == "zh" for language in languages.values()) >= 12
    assert all((languages[name] == "zh") == name.startswith("zh") for name in languages)
    near = [row for row in gone.values() if row["stage"] == "near duplicates"]
    assert [{row["id"], row["kept_id"]} for row in near] == [{"zh-near.txt", "zh-near-too.txt"}]
    assert all(len(row["sentence_ends"]) >= 16 for row in kept.values() if row["language"] == "zh")
    assert run(monkeypatch, "--source", source, "--output", tmp_path / "en", "--tasks", 2) == 0
    assert not any(name.startswith("zh") for name in documents(tmp_path / "en"))


def test_training_documents_get_changed_copies(source, tmp_path, monkeypatch):
    out = tmp_path / "out"
    words = ("--source", source, "--output", out, "--tasks", 2, "--validation", 0.3)
    assert run(monkeypatch, *words, "--augment", "sentence_shuffle,deletion") == 0
    kept = documents(out)
    copies = {name for name in kept if "#" in name}
    originals = {name for name in kept if name not in copies and kept[name]["split"] == "train"}
    assert {name.partition("#")[0] for name in copies} == originals
    for name in copies:
        original, copy = kept[name.partition("#")[0]], kept[name]
        assert copy["split"] == "train" and copy["text"] != original["text"]
        assert set(copy["text"].split()) <= set(original["text"].split())


def test_exact_duplicates_can_be_kept(source, tmp_path, monkeypatch):
    (source / "copy.txt").write_text(prose(3))
    for name, more in (("dropped", ()), ("kept", ("--exact_duplicates", "keep"))):
        words = ("--source", source, "--output", tmp_path / name, "--near_duplicates", 1, *more)
        assert run(monkeypatch, *words, "--tasks", 2) == 0
        assert ({"copy.txt", "good-3"} <= set(documents(tmp_path / name))) == (name == "kept")


def test_started_again_it_says_so(source, tmp_path, monkeypatch, capsys):
    words = ("--source", source, "--output", tmp_path / "out", "--tasks", 2)
    assert run(monkeypatch, *words) == 0 and run(monkeypatch, *words) == 0
    assert "is finished already" in capsys.readouterr().out


def test_the_fingerprint_is_that_of_content_and_settings(source, tmp_path, monkeypatch):
    def made(name, *more):
        assert run(monkeypatch, "--source", source, "--output", tmp_path / name, *more) == 0
        return manifest(tmp_path / name)

    one, two = made("one", "--tasks", 2), made("two", "--tasks", 2)
    assert one["fingerprint"] == two["fingerprint"] and one["inputs"] == two["inputs"]
    other = made("other", "--tasks", 2, "--near_duplicates", 1, "--tokenizer", "wordpiece")
    assert other["fingerprint"] != one["fingerprint"] and other["inputs"] == one["inputs"]


def test_an_existing_tokenizer(source, tmp_path, monkeypatch, bert):
    out = tmp_path / "out"
    words = ("--source", source, "--output", out, "--tasks", 2, "--tokenizer", bert)
    assert run(monkeypatch, *words) == 0
    assert manifest(out)["tokenizer"]["name"] == str(bert)


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


def test_an_unreadable_file_ends_the_run_if_asked_to(source, tmp_path, monkeypatch, capsys):
    (source / "bad.jsonl").write_text("not json\n")
    words = ("--source", source, "--output", tmp_path / "out", "--tasks", 2, "--unreadable", "stop")
    assert run(monkeypatch, *words) == 2
    assert "--source: bad.jsonl, row 1: is not JSON" in capsys.readouterr().err


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


def full_disk():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_run_goes_on_later(source, tmp_path, session_cache):
    words = ("--source", source, "--output", "out", "--tasks", 2, "--workers", 1)
    process = start(tmp_path, session_cache, *words, preexec_fn=full_disk)
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
    words = ("--source", source, "--output", "out", "--tasks", 40, "--workers", "2")
    process = start(tmp_path, session_cache, *words)
    logs = tmp_path / "out" / "work" / "logs"
    while process.poll() is None and not (logs / "screen" / "executor.json").exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate()[1]
    assert process.returncode == 130 and "Traceback" not in error, error
    line = next(line for line in error.splitlines() if line.startswith("Continue"))
    command = shlex.split(line.partition(": ")[2])
    variables = environment(session_cache)
    again = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
def test_ray_gives_the_same_fingerprint(source, tmp_path, session_cache, monkeypatch):
    words = ("--source", source, "--tasks", 2, "--output")
    assert run(monkeypatch, *words, tmp_path / "local") == 0
    process = start(tmp_path, session_cache, *words, "ray", "--executor", "ray", "--workers", "2")
    _, error = process.communicate()
    assert process.returncode == 0, error
    assert manifest(tmp_path / "ray")["fingerprint"] == manifest(tmp_path / "local")["fingerprint"]


@pytest.mark.slow
def test_slurm_gets_a_chain_of_jobs_that_run(source, tmp_path, session_cache):
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    sbatch = bin_ / "sbatch"
    sbatch.write_text(
        '#!/bin/sh\nn=$(ls "$JOBS" | wc -l)\nfor last; do :; done\n'
        '{ echo "# $*"; cat "$last"; } > "$JOBS/$n.sh"\necho "Submitted batch job $((n + 100))"\n'
    )
    scontrol = bin_ / "scontrol"
    scontrol.write_text("#!/bin/sh\necho node1\n")
    for program in (sbatch, scontrol):
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
    jobs = tmp_path / "jobs"
    jobs.mkdir()
    variables = {"PATH": f"{bin_}:{os.environ['PATH']}", "JOBS": str(jobs)}
    words = ("--source", source, "--output", "out", "--tasks", 2)
    words += ("--executor", "slurm", "--partition", "cpu", "--time_limit", "01:00:00")
    process = start(tmp_path, session_cache, *words, variables=variables)
    out, error = process.communicate()
    assert process.returncode == 0, error
    assert "9 Slurm jobs" in out and not (tmp_path / "out" / "manifest.json").exists()
    scripts = [file.read_text() for file in sorted(jobs.iterdir(), key=lambda f: int(f.stem))]
    stages = [text for text in scripts if "launch_pickled_pipeline" in text]
    assert len(stages) == 9
    for number, text in enumerate(stages):
        assert "#SBATCH --partition=cpu" in text and "#SBATCH --time=01:00:00" in text
        assert ("--dependency=afterok:" in text.splitlines()[0]) == (number > 0)
    assert "#SBATCH --array=0-1" in stages[0] and "#SBATCH --array=0-13" in stages[3]
    # A node runs a task from what was saved for it.
    pickled = tmp_path / "out" / "work" / "logs" / "screen" / "executor.pik"
    for task in range(2):
        job = {"SLURM_ARRAY_TASK_ID": str(task), "SLURM_NODELIST": "node1"}
        subprocess.run(
            [Path(sys.executable).with_name("launch_pickled_pipeline"), str(pickled)],
            env=environment(session_cache) | variables | job,
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    assert len(list((tmp_path / "out" / "work" / "kept").glob("*.parquet"))) == 2
