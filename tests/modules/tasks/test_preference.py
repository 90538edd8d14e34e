"""Preferences: losses against TRL's, the reference of every strategy, and the rewards."""

import math

import pytest
import torch

from datamodules.batches import PreferenceBatch
from modules import LoRA, Preference
from modules.backbones import unwrap
from modules.before_training import before_training
from modules.tasks.preference_loss import Likelihoods, preference_loss
from modules.tasks.preference_rows import likelihoods, mismatched, with_targets
from modules.tasks.rewards import Reward
from tests import tiny

# Three chosen answers and three rejected ones, and what TRL 1.16.0 makes of them.
FOUND = Likelihoods(
    torch.tensor([-0.57, -2.96, -3.42, -1.65, -4.22, -5.16]),
    torch.tensor([-0.63, -4.74, -4.58, -0.25, -5.28, -3.24]),
    torch.tensor([2.0, 3.0, 4.0, 1.0, 4.0, 3.0]),
    torch.tensor([0.5, 0.0, 1.0, 0.5, 0.2, -0.5]),
)
GOOD = torch.tensor([1, 1, 1, 0, 0, 0]).bool()


TRL = [
    ("dpo", 0.1, 0.6105209),
    ("dpo", 0.5, 0.3722753),
    ("ipo", 0.1, 17.0447540),
    ("ipo", 0.5, 0.2136452),
    ("kto", 0.1, 0.4781491),
    ("kto", 0.5, 0.3979505),
    ("sft", 0.1, 0.7722222),
]


@pytest.mark.parametrize(("kind", "beta", "wanted"), TRL)
def test_the_losses_are_those_of_trl(kind, beta, wanted):
    assert float(preference_loss(kind, FOUND, GOOD, beta)) == pytest.approx(wanted, rel=1e-5)


def test_label_smoothing_is_the_expected_loss_under_wrong_labels():
    """Of a margin m, (1 - e) log(1 + exp(-m)) + e log(1 + exp(m))."""
    margin, share = 0.5 * (1.5 - (-1.0)), 0.2
    found = Likelihoods(torch.tensor([1.5, -1.0]), torch.zeros(2), torch.ones(2), torch.zeros(2))
    wanted = 0.8 * math.log1p(math.exp(-margin)) + share * math.log1p(math.exp(margin))
    loss = preference_loss("dpo", found, torch.tensor([True, False]), 0.5, share)
    assert float(loss) == pytest.approx(wanted, rel=1e-6)


def test_an_evaluation_has_no_label_smoothing():
    smooth, plain = Preference(label_smoothing=0.2), Preference()
    columns = torch.stack(FOUND, -1).reshape(2, 3, 4)
    trained, judged = (smooth.loss(columns, smooth.prepare(batch_of(), t)) for t in (True, False))
    assert judged == plain.loss(columns, plain.prepare(batch_of(), True)) != trained


def batch_of(rows: int = 3) -> PreferenceBatch:
    """Couples of a prompt of 4 tokens and answers of 1 to 6 tokens."""
    ids = torch.arange(5, 5 + 2 * rows * 10).reshape(2 * rows, 10) % 40 + 5
    ids[rows:, :4] = ids[:rows, :4]
    sizes = 5 + torch.arange(2 * rows) % 6
    place = torch.arange(10)
    return {
        "input_ids": ids,
        "attention_mask": (place < sizes[:, None]).long(),
        "supervised": (place >= 4) & (place < sizes[:, None]),
        "desirable": torch.tensor([[1], [0]]).repeat(1, rows),
        "index": torch.arange(rows),
    }


def by_hand(model, batch) -> list[float]:
    """Log-likelihoods of the answers, from the logits of transformers."""
    with torch.no_grad():
        logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    nll = -logits.log_softmax(-1)[:, :-1].gather(2, batch["input_ids"][:, 1:, None])[..., 0]
    return (-(nll * batch["supervised"][:, 1:])).sum(1).tolist()


NOT_HERE = ("LinearProbe", "BitFit")  # no vector a text; a Llama has no biases
VARIANTS = [(one, {}) for one in tiny.STRATEGIES if one.__name__ not in NOT_HERE]
VARIANTS += [(LoRA, {"initialization": "pissa"}), (LoRA, {"use_dora": True})]


@pytest.mark.quick_if(lambda case: case["strategy"] is LoRA)
@pytest.mark.parametrize(("strategy", "settings"), VARIANTS)
def test_the_reference_is_the_backbone_whatever_has_been_trained(strategy, settings, llama):
    """Also where the adapter changes the backbone's weights, as PiSSA's does."""
    module = tiny.make(strategy, llama, task=Preference(), **settings).train()
    bare = unwrap(Preference().build(llama)).eval()
    batch = with_targets(batch_of(), drift=False)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn_like(parameter))
    frozen, *others = [p for p in module.parameters() if p.requires_grad]
    frozen.requires_grad = not others  # as by a callback
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    modes = [part.training for part in module.modules()]
    found = likelihoods(module.model, batch)
    assert found.reference.flatten().tolist() == pytest.approx(by_hand(bare, batch), abs=1e-4)
    assert frozen.requires_grad == (not others)
    assert modes == [part.training for part in module.modules()]
    assert all(torch.equal(p, before[name]) for name, p in module.named_parameters())
    module.eval()
    own = likelihoods(module.model, batch).own
    with torch.no_grad():
        assert not torch.allclose(own, found.reference, atol=1e-3)
    own.sum().backward()
    assert any(p.grad is not None for p in module.parameters())


def test_training_on_chosen_answers_alone_runs_no_reference(llama):
    module = tiny.make(LoRA, llama, task=Preference(loss="sft")).eval()
    trained, judged = (module(module.task.prepare(batch_of(), t)) for t in (True, False))
    assert torch.equal(trained[..., 0], judged[..., 0])
    assert not trained[..., 1].any() and judged[..., 1].all()


def test_own_likelihoods_are_those_of_transformers(llama):
    module = tiny.make(LoRA, llama, task=Preference()).eval()
    batch = with_targets(batch_of(), drift=False)
    found = likelihoods(module.model, batch)
    assert found.own.flatten().tolist() == pytest.approx(by_hand(module.model, batch), abs=1e-4)
    assert found.tokens.tolist() == [[1, 2, 3], [4, 5, 6]]
    with before_training(module.model):
        torch.testing.assert_close(found.own, found.reference, atol=1e-4, rtol=1e-4)


def test_kto_takes_the_answers_to_other_prompts():
    batch = batch_of(2)
    ids, mask, answer = mismatched(
        batch["input_ids"], batch["attention_mask"], batch["supervised"], 1
    )
    for row in range(4):
        other, own = (row + 1) % 4, batch["input_ids"][row, :4].tolist()
        said = batch["input_ids"][other][batch["supervised"][other]].tolist()
        assert ids[row][mask[row].bool()].tolist() == own + said
        assert ids[row][answer[row]].tolist() == said
    assert "other" in with_targets(batch, drift=True)
    assert "other" not in with_targets(batch_of(1), drift=True)  # one prompt has no other


def test_rewards_of_couples_and_of_single_answers():
    columns = torch.stack(FOUND, -1)
    ratios = 0.1 * (FOUND.own - FOUND.reference)
    wanted = {"chosen": ratios[:3].mean(), "rejected": ratios[3:].mean()}
    wanted |= {"margin": wanted["chosen"] - wanted["rejected"], "accuracy": torch.tensor(1.0)}
    for value, number in wanted.items():
        metric = Reward(value, 0.1)
        couples = columns.reshape(2, 3, 4)
        metric.update(couples[:, :2], torch.tensor([[1, 1], [0, 0]]))
        metric.update(couples[:, 2:], torch.tensor([[1], [0]]))
        torch.testing.assert_close(metric.compute(), number)
        metric.couples = torch.cat(metric.couples)  # as several processes join them
        torch.testing.assert_close(metric.compute.__wrapped__(), number)
    metric, tied = Reward("accuracy", 1.0), torch.tensor([2.0, 1.0, 1.0, 0.0])
    metric.update(torch.stack([tied, tied * 0, tied, tied], -1), torch.tensor([1, 0, 1, 0]))
    # 2 beats both bad ones; 1 beats 0 and ties with 1
    torch.testing.assert_close(metric.compute(), torch.tensor(3.5 / 4))


@pytest.mark.parametrize("settings", [{"loss": "ipo"}, {"loss": "kto"}, {"label_smoothing": 0.5}])
def test_a_flag_that_a_loss_does_not_read_is_refused(settings):
    with pytest.raises(ValueError, match=r"^--model.task.label_smoothing 0\.\d: "):
        Preference(**{"label_smoothing": 0.1, **settings})
    assert Preference(loss="kto", beta=0.2).arguments()["beta"] == 0.2


def test_single_answers_need_kto():
    for task, columns in ((Preference(), ["answer"]), (Preference(loss="kto"), ["text"])):
        with pytest.raises(ValueError, match=r"^--model.task(.loss dpo| Preference): "):
            task.check_columns(columns)
    Preference(loss="kto").check_columns(["answer"])
    Preference().check_columns(["chosen", "rejected"])
