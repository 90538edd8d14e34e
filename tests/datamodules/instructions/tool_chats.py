"""A chat template that writes tools, their calls and results, and reasoning; and a chat of them."""

import json

from datamodules.instructions.conversations import Conversation, Message, with_fields
from tests import chats

TEMPLATE = """{% if tools %}{{ '<|im_start|>system\\n' }}{% for tool in tools %}\
{{ tool | tojson + '\\n' }}{% endfor %}{{ '<|im_end|>\\n' }}{% endif %}\
{% for m in messages %}{% if m['role'] == 'tool' %}\
{% if loop.first or messages[loop.index0 - 1]['role'] != 'tool' %}\
{{ '<|im_start|>user' }}{% endif %}\
{{ '\\n<result>' + m['content'] + '</result>' }}\
{% if loop.last or messages[loop.index0 + 1]['role'] != 'tool' %}{{ '<|im_end|>\\n' }}{% endif %}\
{% else %}{{ '<|im_start|>' + m['role'] + '\\n' }}\
{% if m['reasoning_content'] %}{{ '<think>' + m['reasoning_content'] + '</think>' }}{% endif %}\
{{ m['content'] }}{% for call in m['tool_calls'] or [] %}\
{{ '<call>' + call['function']['name'] + call['function']['arguments'] | tojson + '</call>' }}\
{% endfor %}{{ '<|im_end|>\\n' }}{% endif %}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""

TOOL = {"name": "weather", "description": "Tells it.", "parameters": {"type": "object"}}
CALL = {"name": "weather", "arguments": {"place": "Lima"}}


def tokenizer():
    return chats.tokenizer(TEMPLATE)


def conversation(rounds: int) -> Conversation:
    """Questions that are answered after two calls at once, with text between some of them."""
    made: list[Message] = []
    call = {"type": "function", "function": CALL}
    for number in range(rounds):
        made += [
            Message("user", f"Question {number}?"),
            with_fields(
                Message("assistant", "Wait. " * (number % 2)), {"tool_calls": [call, call]}
            ),
            Message("tool", f"{number} degrees"),
            Message("tool", "rain"),
            Message("assistant", f"{number} degrees, and rain.", number % 3 > 0),
        ]
    first = with_fields(made[0], {"tools": [{"type": "function", "function": TOOL}]})
    return (first, *made[1:])


def record(**more) -> dict:
    """A conversation of OpenAI's form, with a call whose arguments are JSON."""
    call = {"id": "c1", "type": "function", "function": {**CALL, "arguments": '{"place": "Lima"}'}}
    return {
        "tools": [{"type": "function", "function": TOOL}],
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": json.dumps({"sky": "grey"})},
            {"role": "assistant", "content": "Grey."},
        ],
        **more,
    }
