"""The progress of the runs of a study."""

from experiments.studies import jobs


def test_the_time_that_is_left_follows_from_the_runs_that_took_time(monkeypatch):
    monkeypatch.setattr(jobs.time, "monotonic", lambda: 100_120.0)
    count = jobs._Count(known=1, left=4, taken=1)
    assert count.step() == ("2/5", "")
    count.began = 100_000.0
    assert count.step() == ("3/5", ", about 4 min left")
