"""How do I compare runs in W&B? Saves a workspace and a report there.

    python experiments/tools/workspace.py entity/project
    python experiments/tools/workspace.py entity/project --metric test/accuracy --by model.rank

Needs an account and pretune[workspace]. The panels show validation and test
figures first, then quality against cost, and the importance of settings.
"""

import argparse
from typing import Any

from datamodules.optional import require
from experiments.common.arguments import FlagParser
from experiments.common.exits import guarded
from experiments.common.metrics import lower_is_better
from experiments.common.shell import command_name
from experiments.tracking.keys import STEP

_COSTS = {
    "seconds": "time, s",
    "parameters.trainable": "trained parameters",
    "peak_memory_bytes": "peak memory, bytes",
}


def main() -> None:
    """Saves workspace and report of the project that the command line names."""
    with guarded(command_name()):
        asked = _parse()
        entity, _, project = asked.project.partition("/")
        if not (entity and project) or "/" in project:
            raise ValueError(f"{asked.project}: give entity/project, as in the address of a run")
        require("wandb_workspaces", "workspace", "saves workspaces")
        for made in (workspace(entity, project, asked), report(entity, project, asked)):
            made.save()
            print(f"done   {type(made).__name__.lower()} {made.url}")


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    parser.add_argument("project", metavar="ENTITY/PROJECT", help="Project of W&B")
    parser.add_argument(
        "--metric", default="test/accuracy", help="Metric of quality (test/accuracy)"
    )
    parser.add_argument(
        "--by", default="model.class", help="Setting to group runs by (model.class)"
    )
    parser.add_argument(
        "--name", default="Runs compared", help="Name of workspace and report (Runs compared)"
    )
    return parser.parse_args()


def curves(metric: str) -> list[Any]:
    """Panels of validation by step, the metric on test rows, and the losses by step."""
    import wandb_workspaces.reports.v2 as wr

    validated = metric.replace("test/", "val/")
    names = dict.fromkeys((validated, "val/loss", "train/loss"))
    smooth = {"smoothing_factor": 0.6, "smoothing_show_original": True}
    panels: list[Any] = [
        wr.LinePlot(title=name, x=STEP, y=[name], **(smooth if name == "train/loss" else {}))
        for name in names
    ]
    if metric not in names:
        panels.insert(1, wr.BarPlot(title=metric, metrics=[metric], orientation="h"))
    return panels


def costs(metric: str) -> list[Any]:
    """Panels of quality against cost, with a point for each run."""
    import wandb_workspaces.reports.v2 as wr

    def of(name: str) -> Any:
        return (wr.Config if name.startswith("parameters.") else wr.SummaryMetric)(name)

    return [
        wr.ScatterPlot(title=f"{metric} and {title}", x=of(name), y=wr.SummaryMetric(metric))
        for name, title in _COSTS.items()
    ]


def settings(metric: str, by: str) -> list[Any]:
    """Panels of settings: their importance, the metric by one of them, and their differences."""
    import wandb_workspaces.reports.v2 as wr

    return [
        wr.ParameterImportancePlot(with_respect_to=metric),
        wr.BarPlot(title=f"{metric} by {by}", metrics=[metric], groupby=by, orientation="h"),
        wr.RunComparer(diff_only="split"),
    ]


def sections(asked: argparse.Namespace) -> dict[str, list[Any]]:
    """All panels, by the title of their section."""
    return {
        "Validation and test": curves(asked.metric),
        "Quality and cost": costs(asked.metric),
        "What matters": settings(asked.metric, asked.by),
    }


def workspace(entity: str, project: str, asked: argparse.Namespace) -> Any:
    """The panels as a saved view, with runs in groups and the best first."""
    import wandb_workspaces.workspaces as ws

    best = ws.Ordering(ws.Summary(asked.metric), ascending=lower_is_better(asked.metric))
    return ws.Workspace(
        entity=entity,
        project=project,
        name=asked.name,
        sections=[
            ws.Section(name=name, panels=panels, is_open=True)
            for name, panels in sections(asked).items()
        ],
        settings=ws.WorkspaceSettings(x_axis=STEP, max_runs=50),
        runset_settings=ws.RunsetSettings(groupby=[ws.Config(asked.by)], order=[best]),
    )


def report(entity: str, project: str, asked: argparse.Namespace) -> Any:
    """The panels as a page to share, with a sentence on each section."""
    import wandb_workspaces.reports.v2 as wr

    runs = wr.Runset(entity=entity, project=project, name="all runs")
    words = {
        "Validation and test": "By optimizer step; a run's best value chose its checkpoint.",
        "Quality and cost": f"{asked.metric} is of the best checkpoint, on rows it never saw.",
        "What matters": "Importance is of a forest fitted to these runs: few runs say little.",
    }
    blocks: list[Any] = [wr.TableOfContents()]
    for name, panels in sections(asked).items():
        blocks += [wr.H2(name), wr.P(words[name]), wr.PanelGrid(runsets=[runs], panels=panels)]
    return wr.Report(entity=entity, project=project, title=asked.name, blocks=blocks)


if __name__ == "__main__":
    main()
