"""Reading many runs draws a bar in a terminal only."""

from experiments.tracking import run_reader


def test_a_pipe_gets_no_bar(capsys):
    assert len(list(run_reader._with_progress([[]] * 30))) == 30
    assert capsys.readouterr().err == ""
