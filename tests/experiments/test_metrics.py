"""What is known of each metric: direction, range, and which values of it compare."""

import math

import pytest
import torch
from torchmetrics import MeanSquaredError, MetricCollection

import modules
from experiments.common.metrics import ASPECTS, declared, direction, facts, from_flat
from modules.pretraining import unused
from modules.pretraining.base import PretrainingModule
from modules.registry import registered
from modules.stage_metrics import StageMetrics
from modules.tasks import Task
from tests.modules.cells import TASKS

SHARES = "accuracy precision recall f1 f1_macro macro_f1 entity_f1 exact_match recall@10 mrr"
SHARES += " rouge1 rouge2 rougeL rougeLsum rouge1_fmeasure rougeL_precision bleu chrf sacrebleu"
SHARES += " reward_accuracy sop_accuracy token_accuracy recall_at_5 auroc ndcg@10 accuracy_top5"
ERRORS = "mse mae rmse error mean_squared_error wer cer ece val_error_rate"


@pytest.mark.parametrize(
    ("names", "higher", "low", "high"),
    [
        (SHARES, True, 0, 1),
        ("pearson spearman matthews mcc pearson_r cohen_kappa", True, -1, 1),
        ("r2", True, -math.inf, 1),
        ("margin reward_margin margins", True, -math.inf, math.inf),
        (ERRORS, False, 0, math.inf),
        ("loss mlm_loss accuracy_loss f1/loss nll", False, -math.inf, math.inf),
        ("perplexity", False, 1, math.inf),
        ("bits_per_byte bits_per_character", False, 0, math.inf),
        # a name that only begins like one, and names that nobody knows
        ("depth accuracy_gap f1_drop losses_seen sst2", None, -math.inf, math.inf),
    ],
)
@pytest.mark.parametrize("stage", ["", "test/", "val/"])
def test_a_name_tells_direction_and_range(names, higher, low, high, stage):
    for name in names.split():
        found = facts(stage + name)
        assert (name, found.higher, found.low, found.high) == (name, higher, low, high)


def test_a_share_may_be_logged_as_a_percentage():
    assert facts("bleu").bounds([0.31, 0.4]) == (0, 1)
    assert facts("bleu").bounds([31, 40]) == facts("chrf").bounds([0.5, 55]) == (0, 100)
    assert facts("accuracy").bounds([-3, 0.5]) == (-math.inf, math.inf)
    assert facts("spearman").bounds([-0.4]) == (-1, 1)
    assert facts("loss").bounds([math.nan]) == (-math.inf, math.inf)


MORE = {
    "span": modules.QuestionAnswering,
    "choice": modules.MultipleChoice,
    "written": modules.SequenceToSequence,
    "prompted": modules.PromptedGeneration,
    "couple": modules.Preference,
}


@pytest.mark.parametrize("name", [*TASKS, *MORE])
def test_the_facts_agree_with_every_task_of_the_registry(name):
    every = {**TASKS, **MORE}
    task = every[name]()
    own = {kind for kind in registered(Task).values() if kind.__module__.startswith("modules.")}
    assert {type(make()) for make in every.values()} == own
    holder = torch.nn.Module()
    holder.task, holder.metrics = task, StageMetrics(task, "val", "test")
    own = declared(holder)
    assert not own  # the names say all
    for metric in task.metrics("val"):
        known = facts(metric)
        undecided = metric in ("reward_chosen", "reward_rejected")  # only their margin tells
        assert (known.higher is None) == undecided, metric
        told = task.metrics("val")[metric].higher_is_better
        assert told is None or told is known.higher
        assert set(known.same) <= set(ASPECTS)
        assert known.low < known.high
    assert direction(task.monitor) == task.mode


@pytest.mark.parametrize("name", registered(PretrainingModule))
def test_an_objective_is_chosen_by_a_metric_in_its_direction(name):
    objective = getattr(modules, name)
    assert direction(objective.monitor) == objective.mode
    assert "objective" in facts(objective.monitor).same
    if objective.main_loss:
        assert direction(objective.main_loss) == "min"


class Gap(MeanSquaredError):
    higher_is_better, plot_lower_bound, plot_upper_bound = False, 0.0, 0.5


class Own(torch.nn.Module):
    def __init__(self, **named):
        super().__init__()
        made = MetricCollection({name: Gap() for name in named})
        self.metrics = torch.nn.Module()
        self.metrics.metrics = torch.nn.ModuleDict({"val_metrics": made})
        self.metric_facts = {name: told for name, told in named.items() if told}


def test_a_class_of_torchmetrics_says_what_its_name_does_not():
    own = declared(Own(gap=None, accuracy=None))
    assert own["gap"] == own["accuracy"] == {"higher": False, "low": 0.0, "high": 0.5}
    assert facts("val/accuracy", own).high == 0.5


def test_a_module_declares_a_metric_of_its_own():
    own = declared(Own(gap={"higher": True, "high": math.inf, "same": ["data"]}))
    assert own == {"gap": {"higher": True, "low": 0.0, "same": ["data"]}}
    assert facts("test/gap", own).higher is True
    assert facts("test/gap", own).same == ("data",)
    assert direction("val/gap") is None
    kept = {f"metric_facts.gap.{key}": value for key, value in own["gap"].items()}
    assert from_flat({**kept, "model": "LoRA"}) == own


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            {"better": 1},
            r"Own.metric_facts: gap: unknown better; there are higher, low, high",
        ),
        ({"same": ["size"]}, r"gap: same: unknown size; there are objective, task, tokenizer"),
        ({"low": 1, "high": 0}, r"gap: low 1 is not below high 0"),
    ],
)
def test_a_declaration_that_says_nothing_known_is_refused(told, said):
    with pytest.raises(ValueError, match=said):
        declared(Own(gap=told))


class Undeclared(torch.nn.Module):
    monitor, mode = "val/doubt", "max"


def test_the_mode_of_a_module_declares_the_direction_of_its_monitor():
    assert declared(Undeclared()) == {"doubt": {"higher": True}}
    contrary = Undeclared()
    contrary.monitor, contrary.mode = "val/accuracy", "min"
    assert direction("test/accuracy", declared(contrary)) == "min"


class Below(Own):
    metric_facts = {"depth": {"higher": True}}


class Lower(Below):
    metric_facts = {"width": {"higher": False}}


class Computed:
    @property
    def metric_facts(self):
        return {"width": {"higher": False}}


def test_a_property_may_tell_the_facts():
    assert declared(Computed()) == {"width": {"higher": False}}


def test_the_facts_of_a_base_hold_too():
    made = Lower()
    del made.metric_facts
    assert declared(made) == {"depth": {"higher": True}, "width": {"higher": False}}


@pytest.mark.quick_if(lambda case: case["name"] == "MaskedLM")
@pytest.mark.parametrize("name", registered(PretrainingModule))
def test_all_that_an_objective_logs_is_known_and_compared_with_its_like(name, bert, llama):
    kind = getattr(modules, name)
    tokenizer = llama if name == "SpanCorruption" else bert
    objective = kind(tokenizer=tokenizer, size="tiny", row_tokens=16)
    example = objective.corrupt(unused.probe_batch(objective), torch.Generator().manual_seed(0))
    logged = [*objective.losses(example), "loss", "perplexity", "auc"]
    own = declared(objective)
    for metric in logged:
        known = facts(f"val/{metric}", own)
        assert known.higher is not None, metric
        assert known.low > -math.inf or metric.endswith("loss"), metric
        assert {"objective", "tokenizer", "data", "rows"} <= {*known.same}, metric


@pytest.mark.parametrize("stage", ["train", "val", "test"])
@pytest.mark.parametrize("name", [*TASKS, *MORE])
def test_all_that_a_task_logs_is_known_at_every_stage(name, stage):
    for metric in {**TASKS, **MORE}[name]().metrics(stage):
        undecided = metric in ("reward_chosen", "reward_rejected")  # only their margin tells
        assert (facts(metric).higher is None) == undecided, metric
