"""Conversations in one text: the marks of chat templates, and names with a colon."""

from collections import Counter

import pytest
from transformers import AutoTokenizer

from datamodules.instructions.marked_texts import turns_of
from datamodules.instructions.records import read_record
from datamodules.preferences.records import read_example
from modules.backbone_files import resolve

TURNS = [
    ("user", "Where are we?"),
    ("assistant", "At sea.\n\n### Notes\nThe user said: nothing."),
    ("user", "And the wind, in\n  two lines?"),
    ("assistant", "West.\nVery much."),
]
ROLES = ("user", "assistant")
SYSTEM = ("system", "Be brief.\nBe kind.")


def dialogue(lead: str, between: str, system: str = "", end: str = "") -> str:
    names = {role: lead.format(name) for role, name in NAMES[lead].items()}
    first = system and system.format(SYSTEM[1])
    return first + between.join(f"{names[role]}{said}{end}" for role, said in TURNS)


NAMES = {
    "<|im_start|>{}\n": {"user": "user", "assistant": "assistant"},
    "<|start_header_id|>{}<|end_header_id|>\n\n": {"user": "user", "assistant": "assistant"},
    "<start_of_turn>{}\n": {"user": "user", "assistant": "model"},
    "<|{}|>\n": {"user": "user", "assistant": "assistant"},
    "### {}: ": {"user": "Human", "assistant": "Assistant"},
    "### {}:\n": {"user": "Instruction", "assistant": "Response"},
    "{}: ": {"user": "USER", "assistant": "ASSISTANT"},
    "\n\n{}: ": {"user": "Human", "assistant": "Assistant"},
    "{}:\n": {"user": "Question", "assistant": "Answer"},
    "{}：": {"user": "用户", "assistant": "助手"},
}
CASES = {
    "ChatML": dialogue(
        "<|im_start|>{}\n", "\n", "<|im_start|>system\n{}<|im_end|>\n", "<|im_end|>"
    ),
    "Llama 3": dialogue(
        "<|start_header_id|>{}<|end_header_id|>\n\n",
        "",
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{}<|eot_id|>",
        "<|eot_id|>",
    ),
    "Gemma": dialogue("<start_of_turn>{}\n", "\n", "", "<end_of_turn>"),
    "Zephyr": dialogue("<|{}|>\n", "\n", "<|system|>\n{}</s>\n", "</s>"),
    "Guanaco": dialogue("### {}: ", ""),
    "Alpaca": dialogue("### {}:\n", "\n\n", "{}\n\n"),
    "Vicuna": dialogue("{}: ", " ", "{} "),
    "hh-rlhf": dialogue("\n\n{}: ", ""),
    "questions": dialogue("{}:\n", "\n"),
    "Chinese": dialogue("{}：", "\n"),
    "Llama 2": f"<s>[INST] <<SYS>>\n{SYSTEM[1]}\n<</SYS>>\n\n{TURNS[0][1]} [/INST] {TURNS[1][1]} "
    f"</s><s>[INST] {TURNS[2][1]} [/INST] {TURNS[3][1]} </s>",
}


def said(text: str, **options) -> list[tuple[str, str]] | None:
    turns = turns_of(text, **options)
    return turns and [(turn["role"], turn["content"]) for turn in turns]


@pytest.mark.parametrize("name", CASES)
def test_the_turns_are_those_between_the_marks(name):
    first = [SYSTEM] if SYSTEM[1] in CASES[name] else []
    assert said(CASES[name]) == [*first, *TURNS]
    conversation = read_record({"text": CASES[name]}, Counter())
    assert [(m.role, m.content) for m in conversation] == [*first, *TURNS]


def test_a_chat_template_and_back():
    tokenizer = AutoTokenizer.from_pretrained(resolve("smollm2"))
    messages = [{"role": role, "content": content} for role, content in [SYSTEM, *TURNS]]
    assert turns_of(tokenizer.apply_chat_template(messages, tokenize=False)) == messages
    asked = tokenizer.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
    assert turns_of(asked) == messages[:-1]


def test_turns_end_at_lines_as_well_as_at_paragraphs():
    text = "Human: a\n\nAssistant: b\nHuman: c\nAssistant: d"
    assert said(text) == said(text, strict=True) == [*zip(ROLES * 2, "abcd", strict=True)]
    lines = "Human: a\nAssistant: b\nSystem: c\nHuman: d"
    assert said(lines, strict=True) is None
    assert [role for role, _ in said(lines)] == ["user", "assistant", "system", "user"]
    within = "Question: sum?\n\nAnswer: I add.\nAnswer: 3"
    assert said(within) == [("user", "sum?"), ("assistant", "I add.\nAnswer: 3")]


def test_long_runs_of_white_space_are_no_obstacle():
    gap = "\n" * 100_000
    assert said(f"{gap}Human: a{gap}b{gap}Assistant: c{gap}") == [
        ("user", f"a{gap}b"),
        ("assistant", "c"),
    ]
    assert turns_of(f"a{gap}b") is None


def test_an_input_belongs_to_its_instruction():
    text = "Below is a task.\n\n### Instruction:\nAdd.\n\n### Input:\n1 and 2\n\n### Response:\n3"
    assert said(text) == [
        ("system", "Below is a task."),
        ("user", "Add.\n\n1 and 2"),
        ("assistant", "3"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "The boat came in late.",
        "She asked the user: who is the assistant? Answer: nobody.",
        "Question: who?\nQuestion: when?",
        "He said:\n\nHuman: no.\n\nAssistant: yes.",  # prose goes on with a quotation
        "<|im_start|>user\nWhere?<|im_end|>",
        "",
    ],
)
def test_a_text_of_another_kind_is_none(text):
    assert turns_of(text) is None
    with pytest.raises(ValueError, match="unknown format: .* marks of turns such as '### Human:'"):
        read_record({"text": text, "source": "web"}, Counter())


def test_the_usual_keys_come_before_a_text():
    record = {"text": CASES["Alpaca"], "instruction": "Where?", "output": "Here."}
    unread: Counter[str] = Counter()
    assert [message.content for message in read_record(record, unread)] == ["Where?", "Here."]
    assert unread == {"text": 1}


def test_what_can_be_an_answer_of_its_own_is_no_conversation_in_preferences():
    riddle = "Question: what floats?\nAnswer: a boat."
    assert said(riddle) and said(riddle, strict=True) is None
    preamble = "A chat. USER: Where? ASSISTANT: Here."
    assert said(preamble) and said(preamble, strict=True) is None
    record = {"prompt": "A riddle, please.", "chosen": riddle, "rejected": "No."}
    assert read_example(record, Counter()).answer[-1].content == riddle
    chat = "<|im_start|>user\nWhere?<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n"
    record = {"chosen": chat.format("At sea."), "rejected": chat.format("Here.")}
    example = read_example(record, Counter())
    assert [message.content for message in example.answer] == ["Where?", "At sea."]
    assert example.rejected[-1].content == "Here."
