"""push.py against a hub on loopback: what arrives there, and each refusal in one line."""

import shutil
import threading
from functools import partial

import pytest
from huggingface_hub import constants

import modules
from datamodules import reachability
from experiments.common.runs import record_start
from experiments.tools import push
from modules.exporting import export
from tests.experiments.tools.upload_hub import READ_ONLY, TOKEN, UploadHub
from tests.modules import cells


@pytest.fixture(scope="module")
def made(bert, tmp_path_factory):
    """An export of a head, with its backbone beside it."""
    module = cells.stirred(modules.LinearProbe, bert, cells.TASKS["class"]())
    return export(module, tmp_path_factory.mktemp("made") / "export")


@pytest.fixture
def hub(monkeypatch):
    with UploadHub() as hub:
        threading.Thread(target=hub.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield hub
        hub.shutdown()


@pytest.fixture
def run(piped):
    def call(*words):
        ended = piped(push, *map(str, words))
        assert TOKEN not in ended.out + ended.err and READ_ONLY not in ended.out + ended.err
        if ended.code:
            assert ended.code == 2 and ended.err.count("\n") == 1, ended.err
        return ended

    return partial(call)


def test_the_whole_folder_arrives(made, hub, run):
    ended = run(made, "probe", "--private")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[0] == f"pushed {hub.address}/me/probe"
    held = hub.repositories["me/probe"]
    assert held["private"]
    wanted = {str(p.relative_to(made)): p.read_bytes() for p in made.rglob("*") if p.is_file()}
    assert {n: data for n, data in held["files"].items() if n != ".gitattributes"} == wanted

    assert "me/probe: holds" in run(made, "me/probe").err  # it is there already
    hub.repositories["me/probe"]["files"]["adapter_config.json"] = b"of an older export"
    assert run(made, "me/probe", "--replace").code == 0
    assert "adapter_config.json" not in hub.repositories["me/probe"]["files"]
    assert wanted.items() <= hub.repositories["me/probe"]["files"].items()
    hub.repositories["me/probe"]["private"] = False
    said = run(made, "me/probe", "--replace", "--private").err
    assert "--private: me/probe is there already and public" in said


def test_what_the_hub_refuses_is_one_line(made, hub, run, monkeypatch):
    assert "a b: no name on the hub" in run(made, "a b").err
    monkeypatch.setenv("HF_TOKEN", READ_ONLY)
    assert "me/probe: the token may not write there" in run(made, "probe").err
    monkeypatch.setenv("HF_TOKEN", "hf_" + "w" * 34)
    assert "probe: the hub does not take the token" in run(made, "probe").err
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.broken = True
    assert "me/probe: the hub refused it" in run(made, "probe").err


def test_without_token_or_network_nothing_is_asked(made, hub, run, monkeypatch, tmp_path):
    monkeypatch.setattr(reachability, "reachable", lambda: False)
    assert f"the hub at {hub.address} does not answer" in run(made, "probe").err
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    assert "no token for the hub: run `hf auth login`, or set HF_TOKEN" in run(made, "probe").err
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in run(made, "probe").err
    assert not hub.repositories


@pytest.mark.quick_if(lambda case: case["name"] == "module.json")
@pytest.mark.parametrize("name", ["trained.safetensors", "base/model.safetensors", "module.json"])
@pytest.mark.parametrize("what", ["cut", "gone"])
def test_a_half_written_folder_stays_here(name, what, made, hub, run, tmp_path):
    folder = shutil.copytree(made, tmp_path / "half")
    file = folder / name
    whole = file.read_bytes()
    file.unlink()
    if what == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    said = run(folder, "probe").err
    assert "half written" in said or "holds no export" in said
    assert not hub.repositories


def test_other_folders_are_named(hub, run, folder):
    (folder / "corpus").mkdir()
    (folder / "corpus" / "manifest.json").write_text("{}")
    started = folder / "outputs" / "lora_sst2" / "a-run"
    started.mkdir(parents=True)
    record_start(started)
    for wanted, said in (
        ("corpus", "corpus: a corpus, which holds no model"),
        ("outputs", "outputs: holds 1 runs, as a study does; give one of them"),
        ("a-run", "a-run: that run has not finished; go on with it by --resume a-run"),
        ("last", "no finished run with an export in outputs; passed over: a-run has not finished"),
        ("nowhere", "nowhere: no such run in outputs"),
        ("my.csv", "my.csv: a file; give a run, or the folder of an export"),
    ):
        assert said in run(wanted, "probe").err
    (started / "result.json").write_text("{}")
    assert "that run has no export: it trained nothing" in run(started, "probe").err
