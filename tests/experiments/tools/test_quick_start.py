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
