"""Questions: with an answer that stands in a context, or with choices."""

from datamodules.questions.choice_data import ChoiceFiles, SocialIQA
from datamodules.questions.data import QuestionFiles, SQuAD
from datamodules.questions.descriptions import Descriptions

__all__ = ["ChoiceFiles", "Descriptions", "QuestionFiles", "SQuAD", "SocialIQA"]
