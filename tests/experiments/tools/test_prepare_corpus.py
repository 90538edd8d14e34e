"""The corpus pipeline as its user meets it: what goes, what stays and what is written."""

import gzip
import json
import random

import pytest

from datamodules.pipeline import stage_files
from experiments.tools import prepare_corpus
from tests.experiments.corpora import documents, manifest, prose, removals, run

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
    stages, parts = found["seconds"]["stages"], found["seconds"]["screen"]
    assert stages["screen"] > 0 and list(stages)[-1] == "format" and min(parts.values()) >= 0
    assert {"reading", "writing"} | {row["stage"] for row in found["funnel"][:-2]} == set(parts)
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


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_lines_on_the_time_name_what_takes_a_twentieth():
    stages = {"screen": 90.4, "buckets": 3.0, "clusters": 1.0, "format": 5.6}
    parts = {"reading": 5.0, "c4": 45.0, "clean": 50.0}
    assert prepare_corpus.time_lines({"stages": stages, "screen": parts}) == [
        "time   screen 90 s, format 6 s, others 4 s",
        "screen 100 s of processor time: clean 50%, c4 45%, reading 5%",
    ]
    assert prepare_corpus.time_lines({}) == []
    assert prepare_corpus.time_lines({"stages": {"screen": 0.4}, "screen": {"c4": 0.2}}) == []


def test_a_stage_that_is_continued_has_the_seconds_of_all_calls(tmp_path):
    stage_files.add_seconds(tmp_path, "screen", 1.5)
    stage_files.add_seconds(tmp_path, "format", 0.25)
    stage_files.add_seconds(tmp_path, "screen", 2.0)
    assert stage_files.stage_seconds(tmp_path) == {"screen": 3.5, "format": 0.2}


@pytest.mark.slow
def test_exact_duplicates_can_be_kept(source, tmp_path, monkeypatch):
    (source / "copy.txt").write_text(prose(3))
    for name, more in (("dropped", ()), ("kept", ("--exact_duplicates", "keep"))):
        words = ("--source", source, "--output", tmp_path / name, "--near_duplicates", 1, *more)
        assert run(monkeypatch, *words, "--tasks", 2) == 0
        assert ({"copy.txt", "good-3"} <= set(documents(tmp_path / name))) == (name == "kept")


@pytest.mark.slow
def test_started_again_it_says_so(source, tmp_path, monkeypatch, capsys):
    words = ("--source", source, "--output", tmp_path / "out", "--tasks", 2)
    assert run(monkeypatch, *words) == 0 and run(monkeypatch, *words) == 0
    assert "is finished already" in capsys.readouterr().out


@pytest.mark.slow
def test_the_fingerprint_is_that_of_content_and_settings(source, tmp_path, monkeypatch):
    def made(name, *more):
        assert run(monkeypatch, "--source", source, "--output", tmp_path / name, *more) == 0
        return manifest(tmp_path / name)

    one, two = made("one", "--tasks", 2), made("two", "--tasks", 2)
    assert one["fingerprint"] == two["fingerprint"] and one["inputs"] == two["inputs"]
    other = made("other", "--tasks", 2, "--near_duplicates", 1, "--tokenizer", "wordpiece")
    assert other["fingerprint"] != one["fingerprint"] and other["inputs"] == one["inputs"]


@pytest.mark.slow
def test_an_existing_tokenizer(source, tmp_path, monkeypatch, bert):
    out = tmp_path / "out"
    words = ("--source", source, "--output", out, "--tasks", 2, "--tokenizer", bert)
    assert run(monkeypatch, *words) == 0
    assert manifest(out)["tokenizer"]["name"] == str(bert)
