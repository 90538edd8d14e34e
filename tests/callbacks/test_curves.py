"""The curves that a run keeps, and their picture."""

from types import SimpleNamespace

import pytest
import torch

from callbacks import Curves
from experiments.reporting import run_curves


def steps(kept: Curves, losses: list[float], first: int = 1) -> None:
    for step, loss in enumerate(losses, first):
        place = SimpleNamespace(global_step=step)
        kept.on_train_batch_end(place, None, {"loss": torch.tensor(loss)}, None, step)


def test_a_long_curve_is_thinned_to_means_and_a_resumed_one_goes_on():
    whole, first, second = (Curves(most=4) for _ in range(3))
    losses = [float(n) for n in range(11)]
    steps(whole, losses)
    assert len(whole.training) < 4 and whole.stride == 4
    assert whole.training == [(4, 1.5), (8, 5.5)]
    steps(first, losses[:5])
    second.load_state_dict(first.state_dict())
    steps(second, losses[5:], 6)
    assert second.training == whole.training


def test_validations_are_kept_by_step_and_that_at_one_step_once():
    kept = Curves()
    state, metrics = SimpleNamespace(fn="fit"), {"val/f1": torch.tensor(0.5), "train/loss": 1}
    for step, fn in ((3, "fit"), (3, "fit"), (4, "validate"), (6, "fit")):
        state.fn = fn
        trainer = SimpleNamespace(
            state=state, sanity_checking=False, callback_metrics=metrics, global_step=step
        )
        kept.on_validation_end(trainer, None)
    assert kept.validation == {"val/f1": [(3, 0.5), (6, 0.5)]}


@pytest.mark.parametrize(
    ("validation", "least", "most"),
    [([(8, 1.0)], 0.9, 1.0), ([(4, 0.0), (8, 1.0)], 0.0, 1.0), ([(4, float("nan"))], 0, 0)],
)
def test_a_single_validation_is_a_mark_within_the_range_of_its_metric(
    validation, least, most, tmp_path, monkeypatch
):
    panels = []
    monkeypatch.setattr(run_curves, "_panel", _watched(run_curves._panel, panels))
    curves = {"val/accuracy": validation, "val/loss": [(8, 0.3)]}
    file = tmp_path / "curves.png"
    assert run_curves.draw([(1, 0.7), (8, 0.4)], curves, "val/accuracy", {}, file)
    assert file.stat().st_size > 5000
    if most:
        low, high = panels[1].get_ylim()
        assert least <= low < high <= most
        assert all(line.get_marker() == "o" for line in panels[1].get_lines())
    assert len(panels) == 1 + bool(most)


def _watched(panel, seen):
    def drawn(axes, curves, own):
        panel(axes, curves, own)
        seen.append(axes)

    return drawn


def test_nothing_is_drawn_without_a_point(tmp_path):
    assert not run_curves.draw([], {}, "val/loss", {}, tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())
