"""A forked command line says, returns and does what a process of its own would."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.experiments import forking

KEEPS = "import atexit, threading, time; atexit.register(print, 'at the end')\n"
KEEPS += "threading.Thread(target=lambda: (time.sleep(0.2), print('a thread'))).start()"
CODES = {
    "words and place": "import sys, os; print(sys.argv, sys.path[0], __name__, os.getcwd())",
    "environment": "import os; print(os.environ['MINE'], 'PRETUNE_RUN' in os.environ)",
    "main": "import __main__, sys; mine = 3; print(__main__.mine, __main__.__spec__)",
    "no module of the tests": "import sys; print([n for n in sys.modules if n[:5] == 'tests'])",
    "a text as exit code": "import sys; print('said'); sys.exit('a reason')",
    "a number as exit code": "raise SystemExit(3)",
    "a stream that is closed": "import sys; sys.stdout.close()",
    "an error": "def wrong():\n    raise ValueError('no')\nwrong()",
    "standard input": "import sys; print(sys.stdin.read().upper())",
    "what waits for the end": KEEPS,
    "interrupted": "import os, signal; os.kill(os.getpid(), signal.SIGINT)",
    "terminated": "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
    "killed": "import os; os.kill(os.getpid(), 9)",
    "handlers": "from signal import *; print(*map(getsignal, (SIGTERM, SIGUSR1, SIGCHLD)))",
    "session": "import os; print(os.getsid(0) == os.getpid())",
    "a process below": "import subprocess as s, sys; print(s.run([sys.executable, '-c', '1']))",
    "workers": "import multiprocessing as m; print(m.current_process().name, m.parent_process())",
}


def ended(begin, words: list[str], folder, **options) -> tuple[int, str, str]:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    own = {"cwd": folder, "env": os.environ | {"MINE": "here"}, "text": True}
    process = begin([sys.executable, *words], **pipes, **own, **options)
    out, err = process.communicate("typed", timeout=60)
    return process.returncode, out, err


@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
def test_code_and_scripts_do_the_same(name, tmp_path):
    (tmp_path / "script.py").write_text(CODES[name])
    for words in (["-c", CODES[name], "a b"], ["script.py", "a b"]):
        session = {"start_new_session": name == "session"}
        fork, real = (
            ended(begin, words, tmp_path, **session) for begin in (forking.start, subprocess.Popen)
        )
        assert fork == real


@pytest.mark.slow
def test_a_module_is_run_by_name(tmp_path):
    (tmp_path / "mine.py").write_text("import sys; print(sys.argv[1:], __name__, sys.path[0])")
    for begin in (forking.start, subprocess.Popen):
        assert ended(begin, ["-m", "mine", "a"], tmp_path)[1].startswith("['a'] __main__ ")


@pytest.mark.slow
def test_a_reader_that_goes_and_a_limit(tmp_path):
    words = [sys.executable, "-c", "print('a line')"]
    for name, code in (("", 120), ("1", 1)):
        settings = {"env": os.environ | {"PYTHONUNBUFFERED": name}}
        for begin in (forking.start, subprocess.Popen):
            process = begin(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **settings)
            process.stdout.close()
            assert process.wait(60) == code
    full = [sys.executable, "-c", "open('big', 'w').write(9999 * 'a')"]
    ended = forking.run(full, cwd=tmp_path, limits={"RLIMIT_FSIZE": 4096}, text=True)
    assert ended.returncode == 1 and "File too large" in ended.stderr


@pytest.mark.slow
def test_it_can_be_waited_for_and_signalled():
    code = "import time; print('begun', flush=True); time.sleep(60)"
    with forking.start(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "begun\n" and process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM == process.poll()
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.kill(process.pid, 0)
            time.sleep(0.02)


@pytest.mark.slow
def test_what_is_read_at_the_start_is_a_process_of_its_own(tmp_path):
    usual, kinds = forking.STARTED, []
    for variables in ({"HF_HOME": str(tmp_path)}, {}, {"TORCHINDUCTOR_CACHE_DIR": "a"}):
        process = forking.start([sys.executable, "-c", "1"], env=usual | variables)
        kinds.append(type(process))
        assert process.wait(60) == 0
    assert kinds == [subprocess.Popen, forking.Fork, forking.Fork]


STARTS = """
import os, subprocess, sys, time
if sys.argv[1:] == ["below"]:
    print(os.environ.get("RANK"), os.getppid() == int(os.environ["ABOVE"]), sys.path[0], flush=True)
    print("torch" in sys.modules, sys.stdin.read(), file=sys.stderr)
    sys.exit(7)
os.environ["ABOVE"] = str(os.getpid())
flags = subprocess._args_from_interpreter_flags()  # as multiprocessing does
words = [sys.executable, *flags, "-u", sys.argv[0], "below"]
pipes = {"input": "typed", "capture_output": True, "text": True}
end = subprocess.run(words, env=os.environ | {"RANK": "1"}, **pipes)
print(end.returncode, end.stdout, end.stderr)
slow = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
slow.kill()
print(slow.wait())
"""


@pytest.mark.slow
def test_what_a_fork_starts_is_its_child_and_a_fork_too(tmp_path):
    (tmp_path / "script.py").write_text(STARTS)
    said = [ended(begin, ["script.py"], tmp_path) for begin in (forking.start, subprocess.Popen)]
    (fork, real) = (lines[1].splitlines() for lines in said)
    assert fork[0] == f"7 1 True {tmp_path}" and fork[1] == " True typed", said
    assert real[1] == " False typed"
    assert [fork[0], *fork[2:]] == [real[0], *real[2:]] and said[0][2] == said[1][2] == ""
