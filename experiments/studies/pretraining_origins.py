"""The networks that a study of pre-training fine-tunes, and where each comes from."""

from dataclasses import dataclass

# Chosen on validation sentences, for new small networks and pre-trained ones alike.
SMALL = ("--model.task.pooling=mean", "--model.learning_rate=5e-4")
# A network without pre-training has the embeddings that its family draws.
DRAWN = ("--model.cooccurrence=false",)


@dataclass(frozen=True)
class Origin:
    """The origin of a network that is fine-tuned.

    Args:
        name: The name in the table.
        objective: The class of ``modules`` that pre-trains it.
        against: The name of the origin that is the same network without this pre-training.
        flags: The flags of pretrain.py.
        rows: The kind of the corpus's rows; all kinds cut documents at the same places.
        backbone: The pretrained weights to start from, with their own corpus.
        share: The share of the budget that it gets; 0 leaves the network as it is.
        tuning: The flags of fine-tuning, which override those of all origins.
        usual: Whether a call without ``--only`` runs it.
    """

    name: str
    objective: str
    against: str | None
    flags: tuple[str, ...] = ()
    rows: str = "document"
    backbone: str | None = None
    share: float = 1.0
    tuning: tuple[str, ...] = SMALL
    usual: bool = True


def with_others(origins: list[Origin]) -> list[Origin]:
    """Adds the registered objectives that the list does not name, each with a new network.

    An objective gives its name and rows by ``short_name`` and ``row_kind``.
    """
    from modules.pretraining.base import PretrainingModule
    from modules.registry import registered

    found = list(origins)
    objectives = registered(PretrainingModule)
    family = {name: objective.default_family for name, objective in objectives.items()}
    for name, objective in objectives.items():
        path = f"{objective.__module__}.{name}"
        if any(origin.objective in (name, path) for origin in found):
            continue
        chosen = path if objective.__module__.partition(".")[0] != "modules" else name
        untrained = (o for o in found if not o.share and o.backbone is None)
        before = next((o for o in untrained if family.get(o.objective) == family[name]), None)
        if before is None:
            before = Origin(f"new {family[name]}", chosen, None, DRAWN, share=0)
            found.append(before)
        rows = objective.row_kind or "document"
        found.append(Origin(objective.short_name or name, chosen, before.name, rows=rows))
    return found


def chosen(origins: list[Origin], only: list[str]) -> list[Origin]:
    """The origins to run, with those that they are compared with."""
    wanted = [o for o in origins if (o.name.lower() in only if only else o.usual)]
    needed = {o.name for o in wanted} | {o.against for o in wanted}
    return [o for o in origins if o.name in needed]
