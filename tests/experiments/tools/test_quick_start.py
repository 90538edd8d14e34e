"""Tools read their flags before torch is imported: help and a typo cost no seconds."""

import subprocess
import sys

from experiments.tools import console


def test_no_tool_imports_torch_before_it_has_read_its_flags():
    code = "import sys, importlib\nfor n in sys.argv[1:]: importlib.import_module(n)\n"
    code += "print({'torch', 'lightning', 'matplotlib', 'pandas'} & set(sys.modules))"
    names = [f"experiments.tools.{name}" for name in console.TOOLS]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


def test_the_corpus_tool_reads_its_flags_without_torch():
    """Its flags are those of a data class, whose file might import spaCy, and that torch."""
    code = "import sys\nfrom experiments.tools.prepare_corpus import main\n"
    code += "sys.argv = ['x', '--source', 'a', '--limit', 'two']\ntry: main()\nfinally: print("
    code += "{'torch', 'lightning', 'transformers', 'spacy', 'datasets'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
    assert "--limit two: must be a whole number or null" in done.stderr
