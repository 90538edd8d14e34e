"""The report of an ablation: its table, curves, picture and page."""

import json
import re

import numpy as np
import pytest
from matplotlib import image

from experiments.reporting import figures
from experiments.studies.ablation import analysis, curves, figure, html_page, text
from experiments.studies.ablation.grid import Combination
from tests.experiments.studies.ablating import ACCURACY, question, results


def test_table_is_aligned_and_says_all(report):
    said = text.markdown(report)
    tables = re.findall(r"(?:^\|.*\n)+", said, re.M)
    assert [len({len(line) for line in table.splitlines()}) for table in tables] == [1, 1]
    assert "lora-rank: test/accuracy (higher is better) of 3 combinations, 5 seeds" in said
    assert "| 32         | 0.8514 ± 0.0069 | 0.8427 to 0.8597 |" in said
    assert "1,234 *" in said and "3,000 *" not in said and "commit: 0123456" in said
    assert "| rank=32" in said and "+0.0406" in said and "| better" in said


def test_the_page_knows_the_range_that_runs_declare():
    made = results(ACCURACY)
    for one in (run for runs in made.values() for run in runs.values()):
        one["metrics"]["test/agreement"] = 1 + 4 * one["metrics"]["test/accuracy"]
        one["metric_facts"] = {"agreement": {"higher": True, "low": 1.0, "high": 5.0}}
    found = analysis.analyse(question(metric="test/agreement"), made)
    assert html_page._bounds(found, "test/agreement") == [1.0, 5.0]


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
    assert tip.startswith("step 30") and re.search(r"0\.8514 \(\S+ to \S+\) +rank=32", tip), tip
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
    wide, narrow = browser.open(file, width=1280), browser.open(file, width=420)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 420  # tables scroll inside
    # A unit of a chart is a pixel, so its text has one size in every window.
    for page, width in ((wide, 1000), (narrow, 300)):
        drawn = page.evaluate("document.querySelector('#curves svg').viewBox.baseVal.width")
        shown = page.evaluate("document.querySelector('#curves svg').getBoundingClientRect().width")
        assert abs(drawn - shown) <= 1 and shown > width, (drawn, shown)
    sizes = "[...new Set([...document.querySelectorAll('p, li, td, th button, .legend, code')]"
    assert narrow.evaluate(f"{sizes}.map((n) => getComputedStyle(n).fontSize))]") == ["15px"]
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
