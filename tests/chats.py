"""Conversations, and templates that write them in three ways."""

import tokenizers
import transformers

from datamodules.instructions.chat import PLAIN_TEMPLATE
from datamodules.instructions.conversations import Conversation, Message

SPECIAL = ["</s>", "<|im_start|>", "<|im_end|>", "<|eot_id|>", "<|start_header_id|>"]
SPECIAL += ["<|end_header_id|>", "<|begin|>"]

# As SmolLM2's and Llama 3's are, which do not mark what the assistant says.
CHATML = """{% for m in messages %}{% if loop.first and m['role'] != 'system' %}\
{{ '<|im_start|>system\\nHelp.<|im_end|>\\n' }}{% endif %}\
{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
HEADERS = """{% for m in messages %}{% if loop.first %}{{ bos_token }}{% endif %}\
{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\\n\\n' + m['content'] | trim \
+ '<|eot_id|>' }}{% endfor %}\
{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}\
{% endif %}"""
TEMPLATES = {"plain": PLAIN_TEMPLATE, "chatml": CHATML, "headers": HEADERS}


def tokenizer(template: str):
    """A token for each byte, and the special ones of all templates."""
    pieces = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: number for number, piece in enumerate([*SPECIAL, *pieces])}
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    found = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<|begin|>",
        eos_token="</s>",
        pad_token="</s>",
        additional_special_tokens=SPECIAL[1:-1],
        model_max_length=4096,
    )
    found.chat_template = TEMPLATES.get(template, template)
    return found


def chat(*texts: str, system: str = "") -> Conversation:
    """User and assistant in turn."""
    turns = [Message(("user", "assistant")[n % 2], text) for n, text in enumerate(texts)]
    return (*([Message("system", system)] if system else []), *turns)


CHATS = [
    chat("Say hi.", "Hi!"),
    chat("One?", "1", "Two?", "2", "Both?", "1 and 2.", system="Count."),
    chat("  Spaces?\n", " led and trailed \n"),
    chat("Ünïcode 日本", "naïve – “ja” 🙂"),
    chat("Say user", "### User:\nassistant\n"),
    chat("a", "a", "a", "a"),
]
