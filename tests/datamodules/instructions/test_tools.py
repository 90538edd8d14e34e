"""Tools, calls and results: read in several forms, written by the template or refused."""

import json
import re
from collections import Counter

import pytest

from datamodules import Instructions
from datamodules.instructions import chat, preflight
from datamodules.instructions.conversations import Message, as_chat, tools_of
from datamodules.instructions.records import read_record
from tests import chats
from tests.datamodules.instructions import tool_chats
from tests.datamodules.instructions.test_chat import learned

CALL, TOOL = tool_chats.CALL, tool_chats.TOOL


def read(record):
    return read_record(record, Counter())


def test_calls_are_those_that_templates_take():
    found = read(tool_chats.record())
    assert tools_of(found) == [{"type": "function", "function": TOOL}]
    call = {"id": "c1", "type": "function", "function": CALL}
    assert as_chat(found) == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": '{"sky": "grey"}', "tool_call_id": "c1"},
        {"role": "assistant", "content": "Grey."},
    ]


def shared(*turns, **more):
    return {"conversations": [{"from": f, "value": v} for f, v in turns], **more}


FORMS = {
    "LLaMA-Factory": shared(("human", "Weather?"), ("function_call", json.dumps(CALL)),
                            ("observation", "grey"), ("gpt", "Grey."), tools=json.dumps([TOOL])),
    "OpenAI's functions": {
        "functions": [TOOL],
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "function_call": {**CALL, "arguments": '{"place": "Lima"}'}},
            {"role": "function", "content": "grey"},
            {"role": "assistant", "content": "Grey."},
        ],
    },
    "xLAM": {"query": "Weather?", "answers": json.dumps([CALL]), "tools": json.dumps([TOOL])},
    "ipython": {
        "tools": [{"type": "function", "function": TOOL}],
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "", "tool_calls": [{"function": CALL}]},
            {"role": "ipython", "content": "grey"},
            {"role": "assistant", "content": "Grey."},
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_calls_are_read_alike(form):
    found = read(FORMS[form])
    assert tools_of(found) == [{"type": "function", "function": TOOL}]
    assert [m.role for m in found] == ["user", "assistant", "tool", "assistant"][: len(found)]
    assert as_chat(found)[1]["tool_calls"] == [{"type": "function", "function": CALL}]


def test_a_call_is_learned_and_its_result_is_not():
    tokenizer = tool_chats.tokenizer()
    (encoded,) = chat.encode(tokenizer, [read(tool_chats.record())])
    text = tokenizer.decode(encoded.ids)
    assert '"description": "Tells it."' in text and '<result>{"sky": "grey"}</result>' in text
    call = '<call>weather{"place": "Lima"}</call><|im_end|>'
    assert learned(tokenizer, encoded) == [call, "Grey.<|im_end|>"]


def test_reasoning_is_learned_where_the_template_writes_it():
    turns = [{"role": "user", "content": "a"},
             {"role": "assistant", "content": "b", "thinking": "Hm."}]  # fmt: skip
    tokenizer, found = tool_chats.tokenizer(), read({"messages": turns})
    (encoded,) = chat.encode(tokenizer, [found])
    assert learned(tokenizer, encoded) == ["<think>Hm.</think>b<|im_end|>"]
    with pytest.raises(ValueError, match=r"here: it does not write 'reasoning_content' of mess"):
        chat.encode(chats.tokenizer("chatml"), [found], place=lambda _: "here")


PLAIN = chats.chat("a", "b")
# What a template leaves out, by the change to one that writes all.
LEFT_OUT = {
    "it does not write 'tools': ": ("tool | tojson", "''"),
    "it does not write 'tool_calls' of message 2: ": ("m['tool_calls'] or []", "[]"),
    "it does not write 'tool_calls' of message 2: name": (
        "call['function']['arguments'] | tojson", "''"),
    "it does not write the text of message 3: ": ("m['content'] + '</result>'", "'</result>'"),
}  # fmt: skip


@pytest.mark.parametrize("said", LEFT_OUT)
def test_what_the_template_leaves_out_is_refused(said):
    tokenizer = tool_chats.tokenizer()
    old, new = LEFT_OUT[said]
    tokenizer.chat_template = tool_chats.TEMPLATE.replace(old, new)
    assert tokenizer.chat_template != tool_chats.TEMPLATE
    with pytest.raises(ValueError, match=re.escape(f"--data.template: row 3: {said}")):
        chat.encode(tokenizer, [PLAIN, read(tool_chats.record())], place=lambda _: "row 3")


def test_ours_has_no_place_for_tools():
    record = tool_chats.record(tools=None)
    record["messages"][1] = {"role": "assistant", "content": "I look."}
    with pytest.raises(ValueError, match="no place for the role 'tool' of message 3"):
        chat.encode(chats.tokenizer("plain"), [read(record)])


def test_a_system_message_that_is_not_written_is_refused():
    template = chats.CHATML.replace(
        "{% for m in messages %}", "{% for m in messages if m['role'] != 'system' %}"
    )
    with pytest.raises(ValueError, match="it does not write the system message"):
        chat.encode(chats.tokenizer(template), [chats.chat("a", "b", system="Be brief.")])


def test_a_name_that_is_not_written_is_said():
    named = (Message("user", "a", fields='{"name": "Ann"}'), Message("assistant", "b"))
    said = preflight.notes(chats.tokenizer("chatml"), [PLAIN, named])
    assert said == ["the chat template does not write `name` of messages of user"]
    template = chats.CHATML.replace("m['role'] +", "(m['name'] or m['role']) +")
    assert preflight.notes(chats.tokenizer(template), [PLAIN, named]) == []


FAULTS = {
    "tools: entry 1 has no name": {"tools": [{"type": "function"}]},
    "tools: is not JSON": {"tools": "[{"},
    "roles out of order: message 4 is of tool, where assistant is due": {
        "messages": [*tool_chats.record()["messages"][:1], {"role": "assistant", "content": "b"},
                     {"role": "user", "content": "c"}, {"role": "tool", "content": "d"}]
    },
    "tool_calls: a call has no name": {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [{}]}]
    },
    "tool_calls: the arguments of f are no JSON object": {
        "messages": [{"role": "user", "content": "a"},
                     {"role": "assistant", "tool_calls": [{"name": "f", "arguments": "[1]"}]}]
    },
}  # fmt: skip


@pytest.mark.parametrize("said", FAULTS)
def test_mistakes_are_named(said):
    with pytest.raises(ValueError, match=re.escape(said)):
        read(tool_chats.record(**FAULTS[said]))


def test_the_row_of_a_file_is_named(tmp_path):
    chats.tokenizer("chatml").save_pretrained(tmp_path / "model")
    rows = [{"question": f"{n}?", "answer": "b"} for n in range(9)] + [tool_chats.record()]
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = Instructions(str(file), str(tmp_path / "model"))
    with pytest.raises(ValueError, match=rf"^--data.template: {file}, row 10: it does not write"):
        data.setup("fit")
