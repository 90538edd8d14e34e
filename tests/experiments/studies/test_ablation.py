"""Grid and statistics of ablations whose results are given."""

import csv
import io

import numpy as np
import pytest
from scipy import stats

from experiments.reporting import comparable, significance
from experiments.reporting.quality import Change
from experiments.studies.ablation import analysis, grid, html_page, text
from experiments.studies.ablation.grid import Combination
from tests.experiments.studies.ablating import ACCURACY, RANKS, question, results


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
        # Fitted into the range of an accuracy, which moves both ends a little towards 0.5.
        ends = [float(row["low"]), float(row["high"])]
        assert ends == pytest.approx(list(mean), abs=2e-3)
        assert ends[0] < mean[0] and ends[1] < mean[1]
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
    """Not for parameters and seconds, where all are on the front: that would tell none apart."""
    assert [line.fronts for line in report.lines] == [
        [],
        [],
        ["tokens_per_second", "peak_memory_bytes"],
    ]
    better = results({RANKS[0]: [0.9, 0.9], RANKS[1]: [0.8, 0.8], RANKS[2]: [0.95, 0.95]})
    fronts = [line.fronts for line in analysis.analyse(question(), better).lines]
    assert ["parameters" in one for one in fronts] == [True, False, True]


def test_one_seed_concludes_nothing():
    one = {combination: values[:1] for combination, values in ACCURACY.items()}
    report = analysis.analyse(question(seeds=1), results(one))
    said = text.markdown(report)
    assert "one seed gives no interval over seeds and no test" in said and "7 for a test" in said, (
        said
    )
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


TWO_LOSSES = {"objective": "MaskedLM with probability 0.15"}, {"objective": "CausalLM"}


@pytest.mark.parametrize(
    ("metric", "told", "said"),
    [
        ("val/loss", [{"meaning": one} for one in TWO_LOSSES], "of different objectives (MaskedLM"),
        ("val/perplexity", [{"meaning": {"tokenizer": n}} for n in "ab"], "different vocabularies"),
        (
            "test/accuracy",
            [{"meaning": {"task": n}} for n in ("class", "tags")],
            "(class and tags)",
        ),
        ("test/accuracy", [{"data": {"rows": {"test": n}}} for n in (800, 17)], "(800 and 17)"),
        ("test/accuracy", [{"data": {"split_fingerprints": {"test": n}}} for n in "ab"], "rows"),
        ("test/accuracy", [{"data": {"test_split": n}} for n in ("test", "validation")], "validat"),
    ],
)
def test_no_verdict_where_the_metric_means_something_else(metric, told, said):
    some = results(ACCURACY)
    for combination, facts in zip(RANKS, (*told, told[0]), strict=False):
        for run in some[combination].values():
            run["metrics"] = {"val/loss": 0.1, metric: run["metrics"]["test/accuracy"]}
            run |= {"meaning": facts.get("meaning", {})}
            rows, prints = {"test": 800, "validation": 90}, {"test": "a", "validation": "v"}
            run["data"] |= {"rows": rows, "split_fingerprints": prints, **facts.get("data", {})}
            run["data"]["rows"] = rows | run["data"]["rows"]
    report = analysis.analyse(question(metric=metric), some)
    _, other, same = report.lines
    assert other.difference.verdict == "not comparable" and said in other.difference.why
    assert other.difference.p is None and other.difference.mean is None
    assert same.difference.verdict in ("better", "worse")
    assert not any(line.fronts for line in report.lines)
    shown = text.markdown(report)
    assert f"not compared: rank=8: {metric} is " in shown and "| not comparable |" in shown
    assert html_page.page(report, "ablate.py")


def test_all_that_differs_is_told_and_what_follows_from_it_is_not():
    def told(task: str, data: str, rows: int) -> dict:
        return {
            "meaning": {"task": task},
            "data": {"split_fingerprints": {"test": data}, "rows": {"test": rows}},
        }

    first = told("class", "a", 800)
    said = comparable.mismatch([first, told("tags", "b", 800)], "test/accuracy")
    assert said.endswith("of different tasks (class and tags) and on different rows")
    said = comparable.mismatch([first, told("class", "b", 17)], "test/accuracy")
    assert said == "test/accuracy is on different numbers of rows (800 and 17)"


def test_an_unknown_direction_gives_no_better_and_no_worse():
    some = results(ACCURACY)
    for runs in some.values():
        for run in runs.values():
            run["metrics"] = {"test/depth": run["metrics"]["test/accuracy"]}
    report = analysis.analyse(question(metric="test/depth"), some)
    assert report.lines[2].difference.verdict == "different"
    assert "nobody has said whether more or less of test/depth is better" in text.markdown(report)
    for runs in some.values():
        for run in runs.values():
            run["metric_facts"] = {"depth": {"higher": False}}
    report = analysis.analyse(question(metric="test/depth"), some)
    assert report.lines[2].difference.verdict == "worse"


@pytest.mark.parametrize("lost", range(3))
def test_a_run_that_measured_no_number_gives_no_verdict(lost):
    some = results(ACCURACY)
    some[RANKS[lost]][2]["metrics"]["test/accuracy"] = float("nan")
    report = analysis.analyse(question(), some)
    verdicts = [line.difference.verdict for line in report.lines[1:]]
    unlike = "not comparable"
    expected = [[unlike, unlike], [unlike, "better"], ["not shown", unlike]]
    assert verdicts == expected[lost]
    assert "test/accuracy of a run is not a finite number" in text.markdown(report)
    assert html_page.page(report, "ablate.py")


def test_rows_that_are_too_few_for_all_comparisons_ask_for_more_rows(monkeypatch):
    """At Holm's level for two comparisons, which is half of alpha."""
    change = Change(5, 0.01, -0.01, 0.03, p=0.2, paired_t=0.2, exact=0.2, mcnemar=0.04)
    monkeypatch.setattr(analysis, "change", lambda *_: change)
    report = analysis.analyse(question(), results(ACCURACY))
    assert [row[6][0] for row in text.differences(report)[1]] == ["more rows"] * 2


@pytest.mark.slow
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
