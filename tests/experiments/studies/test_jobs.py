"""The progress of the runs of a study."""

from experiments.studies import jobs


def test_the_time_that_is_left_follows_from_the_runs_that_took_time(monkeypatch):
    monkeypatch.setattr(jobs.time, "monotonic", lambda: 100_120.0)
    count = jobs._Count(known=1, left=5, work=3.5)
    assert count.step(0.0, True) == ("2/6", "")  # a network that is not trained
    assert count.step(1.0, False) == ("3/6", "")  # another study made it
    count.began = 100_000.0
    assert count.step(1.0, True) == ("4/6", ", about 3 min left")
    assert count.step(0.5, True) == ("5/6", ", about 1 min left")
    assert count.step(1.0, True) == ("6/6", "")
