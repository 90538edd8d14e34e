"""Machine translation by any sequence-to-sequence model, or by Apertium."""

import functools
import shutil
import subprocess
from typing import Any


def translate(name: str, sentences: list[str], size: int) -> list[str]:
    """Translate sentences, ``size`` of them at once.

    Args:
        name: A hub id or folder of a translation model, or apertium and a language pair.
    """
    kind, _, pair = name.partition(" ")
    if kind == "apertium":
        return [_apertium(pair, sentence) for sentence in sentences]
    tokenizer, model = _translator(name)
    found: list[str] = []
    for start in range(0, len(sentences), size):
        part = sentences[start : start + size]
        batch = tokenizer(part, padding=True, truncation=True, return_tensors="pt")
        batch = batch.to(model.device)
        made = model.generate(**batch, num_beams=4, max_new_tokens=256)
        found += tokenizer.batch_decode(made, skip_special_tokens=True)
    return found


@functools.lru_cache(2)
def _translator(name: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = AutoModelForSeq2SeqLM.from_pretrained(name).eval().to(device)
    return AutoTokenizer.from_pretrained(name), model


def _apertium(pair: str, text: str) -> str:
    package = f"apertium-{'-'.join(sorted(pair.split('-')))}"
    if shutil.which("apertium") is None:
        raise ValueError(f"apertium {pair}: no apertium here; install the Debian package {package}")
    done = subprocess.run(["apertium", "-u", pair], input=text, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().split("\n")[0]
        raise ValueError(f"apertium {pair}: {said}; is the Debian package {package} installed?")
    return done.stdout.rstrip("\n")
