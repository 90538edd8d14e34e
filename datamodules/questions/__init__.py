"""Questions: with an answer that stands in a context, or with choices."""

from datamodules.questions.data import QuestionFiles, SQuAD

__all__ = ["QuestionFiles", "SQuAD"]
