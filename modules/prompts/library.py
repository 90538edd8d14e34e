"""Prompt templates by name."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class NamedTemplate:
    """A template with its words.

    Attributes:
        template: The template in Jinja.
        words: The word of each label.
        accuracy: Accuracy of ``smollm2``, zero-shot and not calibrated, on the Rotten Tomatoes
            sentences of validation (831), by which the default was chosen, and of the test (802),
            in bf16 by ``experiments/templates_sst2.py`` at ddf505d.
        instruction: The text before everything else.
    """

    template: str
    words: Mapping[str, str]
    accuracy: tuple[float, float]
    instruction: str = ""


_SENTIMENT = {"negative": "negative", "positive": "positive"}

TEMPLATES = {
    "sentiment": NamedTemplate("Text: {{ text }}\nSentiment:", _SENTIMENT, (0.771, 0.777)),
    "review": NamedTemplate("Review: {{ text }}\nSentiment:", _SENTIMENT, (0.770, 0.766)),
    "quoted": NamedTemplate('Review: "{{ text }}"\nSentiment:', _SENTIMENT, (0.711, 0.697)),
    "tone": NamedTemplate("Review: {{ text }}\nTone:", _SENTIMENT, (0.717, 0.727)),
    "critic": NamedTemplate(
        "Review: {{ text }}\nThe critic's opinion of the film is", _SENTIMENT, (0.657, 0.631)
    ),
    "opinion": NamedTemplate(
        "{{ text }}\n\nIn my opinion, this movie is {{ mask }}.",
        {"negative": "bad", "positive": "good"},
        (0.596, 0.610),
    ),
    "all in all": NamedTemplate(
        "{{ text }} All in all, the film was {{ mask }}.",
        {"negative": "terrible", "positive": "great"},
        (0.516, 0.509),
    ),
    "instruction": NamedTemplate(
        "Review: {{ text }}\nSentiment:",
        _SENTIMENT,
        (0.734, 0.739),
        "Each sentence is from a film review. Decide whether it is negative or positive.",
    ),
    "question": NamedTemplate(
        "Is the following film review positive or negative?\n\nReview: {{ text }}\nAnswer:",
        {"negative": "Negative", "positive": "Positive"},
        (0.573, 0.565),
    ),
    # As the turns of SmolLM2 and of many others are written.
    "chat": NamedTemplate(
        "<|im_start|>user\nClassify the sentiment of this film review as Positive or Negative.\n\n"
        "Review: {{ text }}<|im_end|>\n<|im_start|>assistant\nSentiment:",
        _SENTIMENT,
        (0.703, 0.705),
    ),
}
