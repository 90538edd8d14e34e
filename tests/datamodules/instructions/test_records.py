"""Records of many formats are read alike; a key that changes the meaning is used or named."""

import re
from collections import Counter

import pytest

from datamodules.instructions.conversations import Message
from datamodules.instructions.records import read_record
from tests.chats import chat

Q, A = "Where?", "Here."
ROLES = [{"role": "user", "content": Q}, {"role": "assistant", "content": A}]
TURNS = [*ROLES, {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"}]
PART = [{"type": "text", "text": "Whe"}, {"type": "text", "text": "re?", "image": None}]
SAME = {
    "Alpaca": {"instruction": Q, "input": "", "output": A},
    "Alpaca with response": {"instruction": Q, "response": A},
    "prompt and completion": {"prompt": Q, "completion": A},
    "prompt and response": {"prompt": Q, "response": A},
    "lists of messages, as TRL": {"prompt": ROLES[:1], "completion": ROLES[1:]},
    "a text and a list": {"prompt": Q, "completion": ROLES[1:]},
    "question and answer": {"question": Q, "answer": A},
    "the header of a spreadsheet": {"Question ": Q, "Answer": A},
    "in Chinese": {"问题": Q, "答案": A},
    "query and response": {"query": Q, "response": A},
    "inputs and targets": {"inputs": Q, "targets": A},
    "input and output": {"input": Q, "output": A},
    "problem and solution": {"problem": Q, "solution": A, "answer": None},
    "messages": {"messages": ROLES},
    "ShareGPT": {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]},
    "mixed": {"conversation": [{"from": "User", "content": Q}, {"role": "BING", "value": A}]},
    "dialog": {"dialog": ROLES},
    "texts in turn": {"conversations": [Q, A]},
    "pairs": {"conversation": [{"input": Q, "output": A}]},
    "pairs by role": {"conversation": [{"human": Q, "assistant": A}]},
    "a list for each key": {"messages": {"role": ["user", "assistant"], "content": [Q, A]}},
    "JSON in a column of texts": {"messages": '[{"role": "user", "content": "Where?"}, '
                                              '{"role": "assistant", "content": "Here."}]'},
    "content parts": {"messages": [{"role": "user", "content": PART}, ROLES[1]]},
    "Gemini": {"contents": [{"role": "user", "parts": [{"text": Q}]},
                            {"role": "model", "parts": [{"text": A}]}]},
    "columns of roles": {"user": Q, "assistant": A},
    "several right answers, as SQuAD": {"question": Q, "answers": {"text": [A, "There."]}},
    "an empty system message": {"system": " ",
                                "messages": [{"role": "system", "content": ""}, *ROLES]},
    "no images": {"messages": ROLES, "images": [], "image": None, "rejected": ""},
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_formats_are_read_alike(name):
    unread: Counter[str] = Counter()
    assert read_record(SAME[name], unread) == chat(Q, A)
    assert not unread


BE = {"role": "system", "content": "Be."}
MORE = {
    "a top-level system": ({"system": "Be.", "messages": ROLES}, chat(Q, A, system="Be.")),
    "as ShareGPT": ({"system": "Be.", "conversations": [{"from": "human", "value": Q},
                    {"from": "gpt", "value": A}]}, chat(Q, A, system="Be.")),
    "as OpenOrca": ({"system_prompt": "Be.", "question": Q, "response": A},
                    chat(Q, A, system="Be.")),
    "as XTuner": ({"conversation": [{"system": "Be.", "input": Q, "output": A}]},
                  chat(Q, A, system="Be.")),
    "as Bedrock": ({"system": [{"text": "Be."}], "messages": ROLES}, chat(Q, A, system="Be.")),
    "the same twice": ({"system": "Be.", "messages": [BE, *ROLES]}, chat(Q, A, system="Be.")),
    "developer": ({"messages": [{**BE, "role": "developer"}, *ROLES]}, chat(Q, A, system="Be.")),
    "history": ({"instruction": "b", "output": "c", "history": [[Q, A]]}, chat(Q, A, "b", "c")),
    "history of messages": ({"query": "b", "response": "c", "history": ROLES},
                            chat(Q, A, "b", "c")),
    "history as JSON": ({"query": "b", "response": "c", "history": '[["Where?", "Here."]]'},
                        chat(Q, A, "b", "c")),
    "input": ({"instruction": "Add.", "input": "1 2", "output": "3"}, chat("Add.\n\n1 2", "3")),
    "context": ({"instruction": "Sum up.", "context": "1 2", "response": "3"},
                chat("Sum up.\n\n1 2", "3")),
    "context of a question": ({"context": "He left.", "question": "Who?", "answer": "He."},
                              chat("He left.\n\nWho?", "He.")),
    "definition": ({"definition": "Add.", "inputs": "1 2", "targets": "3"},
                   chat("Add.\n\n1 2", "3")),
    "an instruction of a question": ({"instruction": "Be brief.", "question": "Who?",
                                      "answer": "He."}, chat("Be brief.\n\nWho?", "He.")),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_what_belongs_to_the_question_is_in_it(name):
    record, wanted = MORE[name]
    unread: Counter[str] = Counter()
    assert read_record(record, unread) == wanted
    assert not unread


def learned(*turns) -> list[bool]:
    return [m.learned for m in read_record({"messages": list(turns)}, Counter())]


@pytest.mark.parametrize("key", ["weight", "train", "training", "loss"])
def test_a_response_of_weight_0_is_context(key):
    assert learned(*TURNS[:1], {**TURNS[1], key: 0}, *TURNS[2:]) == [True, False, True, True]
    assert learned(*TURNS[:3], {**TURNS[3], key: False}) == [True, True, True, False]
    assert learned(*TURNS[:3], {**TURNS[3], key: True}) == [True] * 4
    with pytest.raises(ValueError, match=f"message 2: '{key}' is 0.5: it must be 0 or 1"):
        learned(*TURNS[:1], {**TURNS[1], key: 0.5})
    with pytest.raises(ValueError, match=f"message 1: '{key}' of a message of user"):
        learned({**TURNS[0], key: 1}, *TURNS[1:])


def test_the_responses_in_a_prompt_are_context():
    record = {"prompt": TURNS[:3], "completion": TURNS[3:]}
    assert [m.learned for m in read_record(record, Counter())] == [True, False, True, True]


FAULTS = {
    "preference data: 'chosen'": {"prompt": Q, "chosen": A, "rejected": "b"},
    "preference data: 'rejected_response'": {"messages": ROLES, "rejected_response": "b"},
    "preference data: 'label' says whether": {"prompt": Q, "completion": A, "label": True},
    "'images' is not a text": {"messages": ROLES, "images": ["a.png"]},
    "message 1: a part of type 'image_url' is not a text": {
        "messages": [{"role": "user", "content": [{"type": "image_url"}]}, ROLES[1]]
    },
    "message 2: 'refusal' is not supported": {
        "messages": [ROLES[0], {**ROLES[1], "refusal": "I will not."}]
    },
    "message 2: 'train_detail' is not supported": {
        "messages": [ROLES[0], {**ROLES[1], "train_detail": [{"train": True}]}]
    },
    "'choices' would not be shown": {"question": Q, "choices": ["a", "b"], "answer": "a"},
    "['a', 'b'] is a list of 2 texts": {"instruction": Q, "output": ["a", "b"]},
    "preference data: 'preferred_output'": {"input": Q, "preferred_output": ROLES[1:]},
    "'unmask' is not supported": {"messages": ROLES, "unmask": True},
    "there is 'target', but no question": {"source": Q, "target": A},
    "no response: message 2 is empty": {
        "messages": [ROLES[0], {"role": "assistant", "content": None}]
    },
    "'messages' is not a list of messages, but 'a'": {"messages": "a"},
    "two system messages": {"system": "Be.", "messages": [{**BE, "content": "Be not."}, *ROLES]},
    "'weight' of a record": {"messages": ROLES, "weight": 0.5},
    "no response: message 2": {"question": Q, "answer": ""},
    "no instruction: message 1": {"question": "", "answer": A},
    "no response: the last": {"system": "Be.", "messages": ROLES[:1]},
    "message 1 is of assistant, where user is due": {"system": "Be.", "messages": ROLES[1:]},
    "unknown format: message 1 needs": {"messages": [{"role": "user"}]},
    "6 is not a text": {"question": Q, "answer": 6},
}  # fmt: skip


@pytest.mark.parametrize("said", FAULTS)
def test_what_would_change_the_meaning_is_refused(said):
    with pytest.raises(ValueError, match=re.escape(said)):
        read_record(FAULTS[said], Counter())


def test_keys_that_nothing_reads_are_counted():
    unread: Counter[str] = Counter()
    named = [{**ROLES[0], "lang": "en"}, {**ROLES[1], "lang": "en"}]
    read_record({"messages": named, "id": 7, "Category": "a", "note": None}, unread)
    read_record({"prompt": Q, "completion": A, "response": "b", "weight": 1}, unread)
    with pytest.raises(ValueError, match="no response"):
        read_record({"question": Q, "answer": "", "id": 8}, unread)
    assert unread == {"messages: lang": 2, "id": 1, "Category": 1, "response": 1, "weight": 1}


def test_roles_go_by_many_names():
    names = {"user": "Human USER prompter 用户", "assistant": "gpt ChatGPT bing Model bot 助手"}
    for role, some in names.items():
        for name in some.split():
            turns = [{"from": name if m["role"] == role else m["role"], "value": m["content"]}
                     for m in ROLES]  # fmt: skip
            assert read_record({"conversations": turns}, Counter()) == chat(Q, A)


def test_a_message_may_have_a_name():
    named, _ = read_record({"messages": [{**ROLES[0], "name": "Ann"}, ROLES[1]]}, Counter())
    assert named == Message("user", Q, fields='{"name": "Ann"}')
