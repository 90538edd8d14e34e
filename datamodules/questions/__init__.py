"""Questions: with an answer that stands in a context, or with choices."""

from datamodules.questions.choice_data import ChoiceFiles, SocialIQA
from datamodules.questions.data import QuestionFiles, SQuAD

__all__ = ["ChoiceFiles", "QuestionFiles", "SQuAD", "SocialIQA"]
