"""Grid, statistics and report of ablations whose results are given."""

import csv
import io
import json
import random
import re
import sys

import numpy as np
import pytest
from matplotlib import image
from scipy import stats

from experiments.reporting import figures, significance
from experiments.studies.ablation import analysis, curves, figure, grid, html_page, text
from experiments.studies.ablation.analysis import Question
from experiments.studies.ablation.grid import Combination
from experiments.tools import ablate
from tests.experiments.studies.test_comparison import result

RANKS = [Combination((("model.rank", str(rank)),)) for rank in (2, 8, 32)]
ACCURACY = {
    RANKS[0]: [0.812, 0.807, 0.821, 0.799, 0.815],
    RANKS[1]: [0.813, 0.806, 0.823, 0.798, 0.816],
    RANKS[2]: [0.852, 0.849, 0.858, 0.841, 0.857],
}


def results(accuracy: dict) -> analysis.Results:
    return {
        combination: {
            seed: result(value, 1000 * (place + 1), seconds=60.0 + place)
            for seed, value in enumerate(values)
        }
        for place, (combination, values) in enumerate(accuracy.items())
    }


def question(**more) -> Question:
    usual = {"name": "lora-rank", "script": "lora_sst2.py", "keys": ["model.rank"]}
    usual |= {"baseline": RANKS[0], "metric": None, "alpha": 0.05, "seeds": 5}
    return Question(**usual | more)


@pytest.fixture(scope="module")
def report() -> analysis.Report:
    made = analysis.analyse(question(), results(ACCURACY))
    draw = random.Random(0)
    for line in made.lines:
        runs = [
            {"val/accuracy": [[10, 20, 30], [0.5 + draw.random() / 10, 0.7, line.mean]]}
            for _ in range(5)
        ]
        for metric, band in curves.bands(runs, 0.95).items():
            made.curves.setdefault(metric, {})[line.name] = band
            made.curves.setdefault("train/loss", {})[line.name] = band
    return made


def test_values_are_split_at_commas_outside_of_brackets_and_quotes():
    found = grid.varied(["trainer.devices=1,[0,1]", "--model.task={a: 1, b: 2},x", 'm="a,b",c'])
    assert found["trainer.devices"] == ["1", "[0,1]"]
    assert found["model.task"] == ["{a: 1, b: 2}", "x"] and found["m"] == ['"a,b"', "c"]


def test_a_flag_that_a_class_has_not_is_left_out_and_the_combination_runs_once():
    varied = {"model.rank": ["2", "8"], "model": ["LoRA", "Adapter"], "model.size": ["4"]}
    varied |= {"data.seed": ["1"]}
    assert grid.class_choices(varied) == ["model"]
    lora, adapter = (Combination((("model", name),)) for name in ("LoRA", "Adapter"))
    known = {lora: {"--model.rank"}, adapter: {"--model.size"}}
    kept, notes = grid.drop_inapplicable(grid.product(varied), known)
    assert [one.name for one in kept] == [
        "rank=2, model=LoRA, seed=1",
        "model=Adapter, size=4, seed=1",
        "rank=8, model=LoRA, seed=1",
    ]
    assert sorted(notes) == [
        "--model.rank is left out with model=Adapter, which has none",
        "--model.size is left out with model=LoRA, which has none",
    ]
    # One that no class has stays, so that the parser can say what was meant.
    mistaken = {"model.rnak": ["2"], "model": ["LoRA", "Adapter"]}
    kept, notes = grid.drop_inapplicable(grid.product(mistaken), known)
    assert len(kept) == 2 and kept[0].flags == ("--model.rnak=2", "--model=LoRA") and not notes


def test_baseline_is_found_by_what_tells_it_apart():
    two = grid.product({"model": ["LoRA", "Adapter"], "model.rank": ["2", "8"]})
    assert grid.find(two, []) == two[0]
    assert grid.find(two, ["model.rank=8", "model=Adapter"]) == two[3]
    with pytest.raises(ValueError, match="2 combinations have it, such as model=LoRA, rank=8"):
        grid.find(two, ["model.rank=8"])
    with pytest.raises(ValueError, match="no such combination; there are model=LoRA, rank=2; "):
        grid.find(two, ["model.rank=4"])


def test_statistics_of_the_report_are_scipys(report):
    rows = {row["combination"]: row for row in csv.DictReader(io.StringIO(text.summary(report)))}
    base = ACCURACY[RANKS[0]]
    raw = []
    for combination in RANKS[1:]:
        row, mine = rows[combination.name], ACCURACY[combination]
        known = stats.ttest_rel(mine, base)
        raw.append(known.pvalue)
        low, high = known.confidence_interval(0.95)
        assert float(row["p"]) == pytest.approx(known.pvalue, rel=1e-9)
        assert float(row["difference low"]) == pytest.approx(low)
        assert float(row["difference high"]) == pytest.approx(high)
        assert float(row["deviation"]) == pytest.approx(np.std(mine, ddof=1))
        mean = stats.ttest_1samp(mine, 0).confidence_interval(0.95)
        assert [float(row["low"]), float(row["high"])] == pytest.approx(list(mean))
    corrected = [float(rows[one.name]["p holm"]) for one in RANKS[1:]]
    assert corrected == pytest.approx([raw[0], 2 * raw[1]])  # the second is the smaller
    assert rows["rank=8"]["verdict"] == "not shown" and rows["rank=32"]["verdict"] == "better"
    assert rows["rank=2"]["verdict"] == "baseline" and not rows["rank=2"]["p"]
    needed = significance.pairs_needed(
        [a - b for a, b in zip(ACCURACY[RANKS[1]], base, strict=True)], 0.05 / 2
    )
    assert int(rows["rank=8"]["seeds needed"]) == needed > 5


def test_lower_is_better_where_it_is():
    losses = results(ACCURACY)
    for runs in losses.values():
        for run in runs.values():
            run["metrics"] = {"test/loss": run["metrics"]["test/accuracy"], "val/loss": 0.1}
    report = analysis.analyse(question(), losses)
    assert not report.higher and report.lines[2].difference.verdict == "worse"
    assert report.lines[0].fronts == list(analysis.COSTS)  # least loss for the least cost
    assert "tokens_per_second" not in report.lines[2].fronts


def test_the_front_is_marked_for_each_cost(report):
    assert [line.fronts for line in report.lines] == [
        ["parameters", "seconds"],
        ["parameters", "seconds"],
        ["parameters", "seconds", "tokens_per_second", "peak_memory_bytes"],
    ]


def test_one_seed_concludes_nothing():
    one = {combination: values[:1] for combination, values in ACCURACY.items()}
    report = analysis.analyse(question(seeds=1), results(one))
    said = text.markdown(report)
    assert "one seed gives no interval and no test" in said and "7 for a test" in said, said
    assert {line.difference.verdict for line in report.lines[1:]} == {"not tested"}
    assert html_page.page(report, "ablate.py")  # with no interval to draw


def test_few_seeds_say_what_they_cannot():
    three = {combination: values[:3] for combination, values in ACCURACY.items()}
    said = text.markdown(analysis.analyse(question(seeds=3), results(three)))
    assert "with 3 seeds and 2 comparisons the exact test cannot give less than 0.5" in said
    assert "the exact test could decide with 7 seeds" in said
    assert "does not mean equal: rank=8" in said
    assert "--metric val/accuracy, and test only the chosen setting" in said


def test_a_failed_run_leaves_pairs_of_the_seeds_that_both_have():
    some = results(ACCURACY)
    del some[RANKS[0]][1], some[RANKS[2]][3]
    report = analysis.analyse(question(), some)
    known = stats.ttest_rel(*([ACCURACY[r][s] for s in (0, 2, 4)] for r in (RANKS[2], RANKS[0])))
    assert report.lines[2].difference.p == pytest.approx(known.pvalue)
    assert any("rank=2: 4 of 5; rank=32: 4 of 5" in note for note in report.notes)
    del some[RANKS[0]]
    with pytest.raises(ValueError, match="no run of the baseline, rank=2, has finished"):
        analysis.analyse(question(), some)


def test_an_unknown_metric_is_one_line():
    with pytest.raises(ValueError, match="--metric test/f1: not in .*; there are test/accuracy, "):
        analysis.analyse(question(metric="test/f1"), results(ACCURACY))
    report = analysis.analyse(question(metric="val/accuracy"), results(ACCURACY))
    assert report.lines[0].mean == pytest.approx(np.mean(ACCURACY[RANKS[0]]) + 0.01)
    assert list(report.lines[0].others) == ["test/accuracy"]


def test_twenty_null_settings_are_seldom_told_apart():
    """The whole analysis over settings that are all the same: verdicts, not p values, counted."""
    generator = np.random.default_rng(3)
    alarms, ablations = 0, 40
    names = [Combination((("model.rank", str(rank)),)) for rank in range(21)]
    for _ in range(ablations):
        shared = generator.normal(0, 0.02, 4)
        values = 0.8 + shared + generator.normal(0, 0.01, (21, 4))
        made = results(dict(zip(names, values.tolist(), strict=True)))
        report = analysis.analyse(question(baseline=names[0], seeds=4), made)
        alarms += any(n.difference.verdict != "not shown" for n in report.lines[1:])
    assert alarms <= stats.binom.ppf(0.999, ablations, 0.05), alarms


def test_table_is_aligned_and_says_all(report):
    said = text.markdown(report)
    tables = re.findall(r"(?:^\|.*\n)+", said, re.M)
    assert [len({len(line) for line in table.splitlines()}) for table in tables] == [1, 1]
    assert "lora-rank: test/accuracy (higher is better) of 3 combinations, 5 seeds" in said
    assert "| 32         | 0.8514 ± 0.0069 | 0.8429 to 0.8599 |" in said
    assert "3,000 *" in said and "62 *" in said and "commit: 0123456" in said
    assert "| rank=32" in said and "+0.0406" in said and "| better" in said


def test_bands_are_of_the_steps_that_all_runs_cover():
    runs = [
        {"val/loss": [[10, 20, 30], [1.0, 2.0, 3.0]]},
        {"val/loss": [[20, 40], [4.0, 6.0]], "train/loss": [[1], [1.0]]},
    ]
    found = curves.bands(runs, 0.95)
    band = found["val/loss"]
    assert band["steps"] == [20, 30] and band["mean"] == [3.0, 4.0]
    # Two values of 2 and 4: the deviation is 2^½, and t with one degree of freedom 12.706.
    assert band["high"][0] == pytest.approx(3 + 12.706, rel=1e-3)
    assert found["train/loss"] == {"steps": [1], "mean": [1.0], "low": [], "high": []}


def test_long_curves_are_thinned_to_means():
    steps, values = curves.thinned(list(range(1000)), [float(n % 2) for n in range(1000)])
    assert len(steps) == len(values) == curves.POINTS
    assert steps[0] < 9 and all(0.3 < value < 0.7 for value in values)


def test_picture_shows_every_combination_in_every_panel(report, tmp_path):
    """Each in its colour, as a point, a curve and a point again; and its name."""
    figure.draw(report, tmp_path / "report.png")
    pixels = (image.imread(tmp_path / "report.png")[..., :3] * 255).round()
    assert pixels.shape[1] == 17 * 120  # inches and dots of each
    thirds = np.array_split(pixels, 3, axis=1)
    for line, colour in zip(report.lines, figures.colours(len(report.lines)), strict=False):
        for place, panel in enumerate(thirds):
            near = np.abs(panel - np.array(colour[:3]) * 255).max(axis=-1) < 3
            assert near.sum() > 20, (line.name, place)
    figure.draw(report, tmp_path / "report.svg")
    drawn = (tmp_path / "report.svg").read_text()
    for line in report.lines:
        assert drawn.count(line.name) >= 2, line.name  # beside its interval, and of its curve
    for words in ("test/accuracy: mean", "val/accuracy, mean", "parameters", "5 seeds"):
        assert words in drawn, words


@pytest.mark.slow
def test_page_in_a_browser(report, browser, tmp_path):
    """Charts drawn, answers at the mouse, tables that sort, nothing fetched, no complaint."""
    file = tmp_path / "report.html"
    file.write_text(html_page.page(report, "python <ablate.py>"))
    seen = browser.open(file)
    assert seen.count("#curves path.curve") == seen.count("#curves path.band") == 3
    assert seen.count("#forest g.difference") == 2 and seen.count("#cost g.point") == 3
    assert "1 better than the baseline, 1 not shown to differ" in seen.text()
    assert "python <ablate.py>" in seen.text()
    seen.hover("#curves .area", across=0.98)
    tip = seen.evaluate("document.querySelector('#curves .tip').innerText")
    assert tip.startswith("step 30") and re.search(r"0\.8514 ± \S+ +rank=32", tip), tip
    seen.click("#curves .legend button")
    assert seen.count("#curves path.curve") == 2
    seen.evaluate("document.querySelector('#curves select').value = 'train/loss'")
    seen.evaluate("document.querySelector('#curves select').onchange()")
    assert seen.count("#curves path.curve") == 2
    first = "document.querySelector('#qualities tbody td').innerText"
    seen.click("#qualities th button")
    assert seen.evaluate(first) == "2"
    seen.click("#qualities th button")
    assert seen.evaluate(first) == "32"  # by number, not by letter, where 8 would be
    assert seen.errors == [] and seen.requests == [file.as_uri()]
    colour = "getComputedStyle(document.body)"
    light = seen.evaluate(f"[{colour}.color, {colour}.backgroundColor]")
    seen.close()
    dark = browser.open(file, dark=True)
    shown = dark.evaluate(f"[{colour}.color, {colour}.backgroundColor]")
    assert _contrast(*shown) > 7 < _contrast(*light) and shown != light
    for name in ("better", "worse", *(f"c{number}" for number in range(10))):
        for one in (dark,):
            value = one.evaluate(
                f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')"
            )
            red, green, blue = (int(value.strip()[n : n + 2], 16) for n in (1, 3, 5))
            assert _contrast(f"rgb({red}, {green}, {blue})", shown[1]) > 3, name
    dark.close()


def _contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG defines it."""

    def light(colour: str) -> float:
        parts = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_page_cannot_be_broken_by_names(report, tmp_path):
    evil = Combination((("model.task.template", "</script><b>$data"),))
    made = analysis.analyse(
        question(keys=["model.task.template"], baseline=evil), results({evil: [0.5, 0.6]})
    )
    text = html_page.page(made, "x")
    assert text.count("</script>") == 2 and "<b>$data" not in text
    data = re.search(r'<script type="application/json" id="report">(.*?)</script>', text, re.S)
    assert json.loads(data[1])["lines"][0]["name"] == "template=</script><b>$data"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nowhere.py --vary a.b=1", "nowhere.py: there is no such file"),
        ("lora_ssst2 --vary a.b=1", "lora_ssst2: there is no such file; did you mean lora_sst2?"),
        ("lora_sst2 --vary model.rank", "--vary model.rank: write it as --vary model.rank=8"),
        ("lora_sst2 --vary =2", "--vary =2: write it as"),
        ("lora_sst2 --vary model.rank=2,,8", "--vary model.rank=2,,8: give values with a comma"),
        ("lora_sst2 --vary model.rank=2,8,2", "--vary model.rank=2,8,2: 2 is given twice"),
        ("lora_sst2 --vary a=1 --vary a=2", "--vary a: given twice; put all its values into one"),
        ("lora_sst2 --vary seed_everything=1,2", "--vary seed_everything: the seeds are --seeds"),
        ("lora_sst2 --vary a=1 -- --a=2", "-- --a: is varied, so not for every run"),
        ("lora_sst2 --vary a=1 -- --output x", "-- --output: the folder is --output of this"),
        ("lora_sst2 --vary a=1 --seeds 0", "--seeds 0: at least 1"),
        ("lora_sst2 --vary a=1 --jobs 0", "--jobs 0: at least 1"),
        ("lora_sst2 --vary a=1 --alpha 1", "--alpha 1.0: between 0 and 1"),
        ("lora_sst2 --vary a=1 --name ../x", "--name ../x: letters, digits"),
        ("lora_sst2", "the following arguments are required: --vary"),
        ("--vary a=1", "the following arguments are required: script"),
        ("lora_sst2 --vary model.rank=x", "--model.rank x: must be a whole number above 0"),
        ("lora_sst2 --vary model.rnak=2,8", "unknown flag --model.rnak; did you mean --model.rank"),
        (
            "lora_sst2 --vary model.rnak=2 --vary model=LoRA,Adapter",
            "unknown flag --model.rnak; did you mean --model.rank?",
        ),
        ("lora_sst2 --vary model=LoRA,Adaptr", "--model Adaptr: unknown class; did you mean"),
        ("lora_sst2 --vary model.learning_rate=1e-3,0.001", "are the same run"),
        ("lora_sst2 --vary model=LoRA,Adapter -- --model.rank 2", "Adapter has no rank"),
        ("lora_sst2 --vary model.rank=2,8 --baseline model.rank=4", "no such combination; there"),
        ("tools/prepare_corpus --vary a=1", "it does not call main of experiments.runner.cli"),
    ],
)
def test_bad_input_is_one_line_before_anything_runs(line, message, folder, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ablate.py", *line.split()])
    with pytest.raises(SystemExit) as stop:
        ablate.main()
    said = capsys.readouterr().err
    assert stop.value.code == 2 and message in said and len(said.splitlines()) == 1, said
    assert not (folder / "outputs").exists()


def test_help_says_what_becomes_of_a_flag_that_a_class_has_not(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["ablate.py", "--help"])
    with pytest.raises(SystemExit) as stop:
        ablate.main()
    said = capsys.readouterr().out
    assert stop.value.code == 0 and "is left out" in said and "--baseline" in said
