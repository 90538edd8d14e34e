"""Pictures: each format, axes that fit the metric, single points, rates, and Chinese names."""

import numpy as np
import pytest

from experiments.reporting import figures, fonts
from experiments.tracking.run_reader import RunRecord


def run(number, values, metric="val/accuracy", **config):
    steps = np.arange(float(len(values)))
    return RunRecord(f"r{number}", config=config, load=lambda: {metric: (steps, np.array(values))})


@pytest.fixture
def drawn(monkeypatch):
    """The panels of the pictures that a test draws."""
    panels, real = [], figures.figure

    class Keeper:
        def __init__(self, *arguments, **more):
            self.inner = real(*arguments, **more)

        def __enter__(self):
            found = self.inner.__enter__()
            panels.extend(found[1].flat)
            return found

        def __exit__(self, *error):
            return self.inner.__exit__(*error)

    monkeypatch.setattr(figures, "figure", Keeper)
    return panels


@pytest.mark.parametrize(
    ("ending", "lead"),
    [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".PDF", b"%P")],
)
def test_the_ending_chooses_the_format(ending, lead, tmp_path):
    file = tmp_path / f"a{ending}"
    figures.plot_curves([run(0, [0.5])], "val/accuracy", ["a"], [""], file)
    assert file.read_bytes().startswith(lead)


def test_one_validation_is_a_point_and_axes_stay_within_the_range(drawn, tmp_path):
    runs = [run(0, [1.0]), run(1, [0.99, 1.0])]
    figures.plot_curves(runs, "val/accuracy", ["a", "b"], ["", ""], tmp_path / "a.png")
    (axes,) = drawn
    assert axes.lines[0].get_marker() == "o" and axes.get_ylim()[1] <= 1.02
    assert axes.lines[0].get_markersize() > axes.lines[1].get_markersize()  # points that coincide
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
    assert axes.get_ylim()[0] > 0.5  # the range of the metric is not forced on close values


def test_axes_stay_within_the_range_that_a_run_declares(drawn, tmp_path):
    ends = {"metric_facts.agreement.low": 1.0, "metric_facts.agreement.high": 5.0}
    runs = [run(0, [1.0, 5.0], "val/agreement", **ends)]
    figures.plot_curves(runs, "val/agreement", ["a"], [""], tmp_path / "a.png")
    assert drawn[0].get_ylim() == pytest.approx((0.92, 5.08))


@pytest.mark.parametrize(
    ("metric", "values", "scale"),
    [
        ("learning_rate/decay", [1e-3, 1e-4], "log"),
        ("learning_rate/decay", [1e-3, 0.0], "linear"),
        ("val/loss", [2.0, 1.0], "linear"),
    ],
)
def test_rates_have_a_logarithmic_axis(metric, values, scale, drawn, tmp_path):
    figures.plot_curves([run(0, values, metric)], metric, ["a"], [""], tmp_path / "a.png")
    assert drawn[0].get_yscale() == scale


def test_points_that_coincide_share_a_label(drawn, tmp_path):
    line = {"parameters": 10, "test/accuracy": (0.5, 0.1)}
    lines = [{"name": name, **line} for name in ("one", "two")]
    figures.plot_quality([*lines, {"name": "c", **line, "parameters": 99}], tmp_path / "a.png")
    assert [text.get_text() for text in drawn[0].texts] == ["one\ntwo", "c"]


@pytest.mark.parametrize("font", ["", "DejaVu Serif"])
def test_chinese_names_are_never_empty_boxes(font, drawn, tmp_path, monkeypatch, capsys, recwarn):
    """Without a font of the characters they are told by their numbers, and a note says so once."""
    monkeypatch.setattr(fonts, "_said", False)
    monkeypatch.setattr(fonts, "_FONTS", (font,) if font else ())
    figures.plot_curves([run(0, [0.5, 0.6])], "val/accuracy", ["好评 a"], [""], tmp_path / "a.png")
    label = drawn[0].get_legend().get_texts()[0]
    assert label.get_text() == ("好评 a" if font else r"\u597d\u8bc4 a")
    assert capsys.readouterr().out.count("note ") == (not font)
    if font:
        assert font in label.get_fontfamily()
    else:
        assert not [one for one in recwarn if "missing" in str(one.message)]
