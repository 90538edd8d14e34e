"""The tasks that a prompt can ask, and the training rows that it can show as solved examples."""

from typing import Any, NamedTuple

from modules.tasks.prompted_classification import PromptedClassification
from modules.tasks.prompted_generation import PromptedGeneration
from modules.tasks.question_prompts import distinct


class Example(NamedTuple):
    """A training row.

    Attributes:
        row: Its texts by column.
        answer: Its answer in words.
        label: The number of its class; 0 where there are no classes.
    """

    row: dict[str, Any]
    answer: str
    label: int = 0

    @property
    def text(self) -> str:
        """Its texts in lines, by which the nearest are looked for."""
        return text_of(self.row)


def text_of(row: Any) -> str:
    """Return the texts of a row in lines, without its choices."""
    return "\n".join(value for value in row.values() if isinstance(value, str))


def training_examples(task: Any, data: Any) -> list[Example]:
    """Return the training rows as examples, each question once."""
    columns = data.texts_of("train")
    if not isinstance(task, PromptedClassification):
        rows, answers = task.form.solved(task, columns)
        return [Example(dict(rows[place]), answers[place]) for place in distinct(rows)]
    labels, names = data.dataset.splits["train"].labels, task.template.columns
    rows = zip(*(columns[name] for name in names), strict=True)
    return [
        Example(dict(zip(names, row, strict=True)), task.words[label], int(label))
        for row, label in zip(rows, labels, strict=True)
    ]


def asked_in_words(task: Any, kind: str) -> PromptedClassification | PromptedGeneration:
    """Return the task of a module of this kind, which trains nothing.

    Raises:
        ValueError: If the task does not ask in words, or shows examples of its own.
    """
    if not isinstance(task, PromptedClassification | PromptedGeneration):
        raise ValueError(f"--model.task {type(task).__name__}: {kind} asks in words only")
    if isinstance(task, PromptedGeneration) and (shots := task.encoding.shots):
        raise ValueError(
            f"--model.task.shots {shots}: is for strategies that train, and {kind} takes none: "
            f"give --model InContext --model.shots {shots}"
        )
    return task


def trained_network(task: Any, backbone: str) -> Any:
    """Return the frozen network that answers a task.

    Raises:
        ValueError: If the files of the backbone lack its output layer.
    """
    model = task.build(backbone).eval().requires_grad_(False)
    if model.new_parameters:
        raise ValueError(
            f"--model.backbone {backbone}: has no trained language model head to answer with "
            f"(its files lack {model.new_parameters[0]}); try smollm2, or fine-tune it"
        )
    return model
