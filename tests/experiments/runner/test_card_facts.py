"""The facts of a run for its card: intervals, and a command that anyone may read."""

from experiments.runner import card_facts


def test_intervals_are_wilsons():
    report = {"test": {"rows": 40, "accuracy": 0.75}, "validation": {"rows": 0, "accuracy": 0.0}}
    found = card_facts.intervals(report | {"other": {"rows": 5, "mse": 1.0}})
    (low, high) = found["test"]["accuracy"]
    # (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n), z = 1.959964
    assert abs(low - 0.598062) < 1e-5
    assert abs(high - 0.858128) < 1e-5
    assert found.keys() == {"test"}


def test_the_command_has_neither_secrets_nor_paths():
    words = ["/root/work/experiments/lora_sst2.py", "--data.source", "/home/x/my tickets.csv"]
    words += ["--tracking.api_key", "hush", "--output=/srv/out", "--model.rank", "8"]
    shown = card_facts.command(words)
    assert shown == (
        "python lora_sst2.py --data.source 'my tickets.csv' --tracking.api_key '***' "
        "--output=out --model.rank 8"
    )
    told = card_facts.command(["experiments/lora_sst2.py", "--data.source", "tickets.csv"])
    assert told == "python experiments/lora_sst2.py --data.source tickets.csv"
