"""The token ids of pairs of a source and a target, for encoder-decoders and for decoders."""

from collections.abc import Mapping, Sequence
from typing import Any

from datamodules.packaged import pad_id
from modules.backbones import unwrap
from modules.encoding import beside_soft_prompt, most_tokens
from modules.prompts.templates import Template
from modules.tasks.token_sums import IGNORED
from modules.text_rows import pad

_PLAIN, _PROMPT = "{{ source }}", "{{ source }}\n\nOutput:"


class PairEncoding:
    """Encodes pairs of texts for a model.

    An encoder-decoder has two rows of its own: what the encoder reads, and the target with its
    special tokens. A decoder has one: prompt, target, and the token that ends a text.

    Args:
        template: Jinja over the column source; the model's usual one if None.
        languages: Codes of a multilingual tokenizer for source and target, joined by a comma.

    Raises:
        ValueError: If the template is not one, or there are not two languages.
    """

    def __init__(self, template: str | None, languages: str | None) -> None:
        self.given, self.languages = template, languages
        self.template = Template(template or _PLAIN)
        codes = [code.strip() for code in (languages or "").split(",")]
        if languages is not None and (len(codes) != 2 or not all(codes)):
            raise ValueError(
                f"--model.task.languages {languages}: give two codes, as en_XX,fr_XX, the sources' "
                f"and the targets'"
            )
        self.codes = tuple(codes) if languages else ()
        if self.template.render(dict.fromkeys(self.template.columns, "a")).after:
            raise ValueError("--model.task.template: has text behind the answer; end it with that")

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that rebuild this, with the template in full once it is known."""
        template = self.template.source if hasattr(self, "tokenizer") else self.given
        return {"template": template, "languages": self.languages}

    def attach(self, tokenizer: Any, model: Any) -> None:
        """Take the tokenizer and the limits of a model, with or without a soft prompt before it.

        Raises:
            ValueError: If the tokenizer has not these languages, or the template fills the context.
        """
        self.tokenizer, self.encodes = tokenizer, model.config.is_encoder_decoder
        if self.given is None and not self.encodes:
            self.template = Template(_PROMPT)
        if self.codes:
            self._set_languages(model.config.model_type)
        self.most_tokens = most_tokens(model, tokenizer)
        # A prompt stands before the encoder's text alone.
        self.most_target_tokens = most_tokens(unwrap(model), tokenizer)
        self.plain = self.template.source == _PLAIN
        empty = self._prompt("")
        self.overhead = len(empty) - (tokenizer.num_special_tokens_to_add() if self.encodes else 0)
        if len(empty) + 2 > self.most_tokens:
            raise ValueError(
                f"--model.task.template: takes {len(empty)} tokens of the {self.most_tokens} that "
                f"the backbone reads{beside_soft_prompt(model)}, and leaves no room for a text"
            )

    def _set_languages(self, kind: str) -> None:
        if not hasattr(self.tokenizer, "src_lang"):
            raise ValueError(
                f"--model.task.languages {self.languages}: {kind} tokenizers have no languages: "
                f"leave them out"
            )
        for code in self.codes:
            known = self.tokenizer.convert_tokens_to_ids(code)
            if known is None or known == self.tokenizer.unk_token_id:
                raise ValueError(f"--model.task.languages {code}: the tokenizer has no such code")
        self.tokenizer.src_lang, self.tokenizer.tgt_lang = self.codes

    def forced(self) -> dict[str, Any]:
        """Return the argument of ``generate`` that has a text begin with its language."""
        if not self.codes:
            return {}
        return {"forced_bos_token_id": self.tokenizer.convert_tokens_to_ids(self.codes[1])}

    def description(self) -> str:
        """Return the prompt around a source, for people to read; empty where there is none."""
        return "" if self.plain else repr(self.template.source)

    def check_columns(self, columns: list[str]) -> None:
        """Refuse rows without a source and a target."""
        if not {"source", "target"} <= set(columns):
            raise ValueError(
                "--model.task SequenceToSequence: needs pairs of a source and a target, as "
                "experiments/translation.py reads them: --data Seq2SeqFiles --data.source PATH"
            )
        self.template.check_columns(["source"])

    @staticmethod
    def of_texts(columns: Mapping[str, Sequence[str]]) -> list[str]:
        """Return the sources of texts by column."""
        return list(columns["text"])

    def sources(self, texts: Sequence[str], room: int = 0) -> tuple[list[list[int]], list[bool]]:
        """Encode what the model reads before it writes.

        Args:
            texts: N sources.
            room: Tokens to leave free for the target where both share a row.

        Returns:
            The token ids of each, and whether its source was cut to fit.

        Raises:
            ValueError: If the target leaves no room for a prompt.
        """
        if not self.encodes and (most := self.most_tokens - len(self._prompt("")) - 1) < room:
            raise ValueError(
                f"--model.task.max_new_tokens {room}: the backbone reads {self.most_tokens} tokens "
                f"of prompt and answer together: give at most {most}"
            )
        ids = [self._prompt(text) for text in texts]
        rooms = [self.most_tokens - (0 if self.encodes else room)] * len(ids)
        return self._fitted(ids, texts, rooms)

    def _fitted(
        self, ids: list[list[int]], texts: Sequence[str], rooms: Sequence[int]
    ) -> tuple[list[list[int]], list[bool]]:
        """Cut the ends of the sources whose prompts are longer than their rooms."""
        cut = [len(row) > room for row, room in zip(ids, rooms, strict=True)]
        for place in [place for place, longer in enumerate(cut) if longer]:
            text = texts[place]
            while (over := len(ids[place]) - rooms[place]) > 0:
                tokens = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
                if len(tokens) <= over:
                    raise ValueError(
                        f"--model.task.template: a target leaves {rooms[place]} tokens for its "
                        f"prompt, too few; shorten it, or give --data.max_target_length"
                    )
                # A share of the characters: not every tokenizer tells where a token ends.
                text = text[: min(len(text) - 1, len(text) * (len(tokens) - over) // len(tokens))]
                ids[place] = self._prompt(text.rstrip())
        return ids, cut

    def _prompt(self, text: str) -> list[int]:
        prompt = self.template.render({"source": text})
        if self.encodes:
            return self._ended(self.tokenizer(prompt.before, verbose=False)["input_ids"])
        ids = self.tokenizer(prompt.context, verbose=False)["input_ids"]
        return ids[:-1] if ids and ids[-1] == self.tokenizer.eos_token_id else ids

    def _target(self, text: str, source: str) -> list[int]:
        if self.encodes:
            ids = self._ended(self.tokenizer(text_target=text, verbose=False)["input_ids"])
            return [*ids[: min(len(ids), self.most_target_tokens) - 1], ids[-1]]
        separator = self.template.render({"source": source}).separator
        found = self.tokenizer(separator + text, add_special_tokens=False, verbose=False)
        return [*found["input_ids"], self.tokenizer.eos_token_id]

    def _ended(self, ids: list[int]) -> list[int]:
        """End a text as the model was pre-trained; not every tokenizer does so itself."""
        end = self.tokenizer.eos_token_id  # a language may stand behind it
        return ids if end is None or end in ids[-2:] else [*ids, end]

    def prepare(self, batch: Any) -> Any:
        """Return a batch with ``input_ids`` and ``attention_mask``, (B, S), and ``labels``, (B, T).

        A decoder's labels are the next tokens, where these are of the target, and -100 elsewhere;
        an encoder-decoder's are the target, with -100 for the padding.
        """
        columns, device = batch["columns"], batch["attention_mask"].device
        sources, targets = columns["source"], columns["target"]
        ids = [self._prompt(text) for text in sources]
        answers = [self._target(*pair) for pair in zip(targets, sources, strict=True)]
        rooms = [self.most_tokens - (0 if self.encodes else len(row)) for row in answers]
        ids, _ = self._fitted(ids, sources, rooms)
        if self.encodes:
            labels = answers
        else:
            labels = [
                [IGNORED] * (len(row) - 1) + answer + [IGNORED]
                for row, answer in zip(ids, answers, strict=True)
            ]
            ids = [row + answer for row, answer in zip(ids, answers, strict=True)]
        masks = [[1] * len(row) for row in ids]
        made = {"input_ids": (ids, pad_id(self.tokenizer)), "attention_mask": (masks, 0)}
        made["labels"] = (labels, IGNORED)
        return {**batch, **{name: pad(*rows).to(device) for name, rows in made.items()}}
