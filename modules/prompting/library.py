"""Templates by name."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A template, the word of each label, and what to say before it."""

    template: str
    words: Mapping[str, str]
    instruction: str = ""


_SENTIMENT = {"negative": "negative", "positive": "positive"}

TEMPLATES = {
    "sentiment": Entry("Text: {{ text }}\nSentiment:", _SENTIMENT),
    "review": Entry("Review: {{ text }}\nSentiment:", _SENTIMENT),
    "quoted": Entry('Review: "{{ text }}"\nSentiment:', _SENTIMENT),
    "tone": Entry("Review: {{ text }}\nTone:", _SENTIMENT),
    "critic": Entry("Review: {{ text }}\nThe critic's opinion of the film is", _SENTIMENT),
    "opinion": Entry(
        "{{ text }}\n\nIn my opinion, this movie is {{ mask }}.",
        {"negative": "bad", "positive": "good"},
    ),
    "all in all": Entry(
        "{{ text }} All in all, the film was {{ mask }}.",
        {"negative": "terrible", "positive": "great"},
    ),
    "instruction": Entry(
        "Review: {{ text }}\nSentiment:",
        _SENTIMENT,
        "Each sentence is from a film review. Decide whether it is negative or positive.",
    ),
    "question": Entry(
        "Is the following film review positive or negative?\n\nReview: {{ text }}\nAnswer:",
        {"negative": "Negative", "positive": "Positive"},
    ),
    # As the turns of SmolLM2 and of many others are written.
    "chat": Entry(
        "<|im_start|>user\nClassify the sentiment of this film review as Positive or Negative.\n\n"
        "Review: {{ text }}<|im_end|>\n<|im_start|>assistant\nSentiment:",
        _SENTIMENT,
    ),
}
