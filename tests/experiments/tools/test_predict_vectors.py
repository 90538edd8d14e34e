"""predict.py with a model of vectors: as lists in a table, or alone in a NumPy file."""

from functools import partial

import numpy as np
import pyarrow.parquet as pq
import pytest

import modules
from experiments.tools import predict
from modules.exporting import export
from tests.experiments.tools.test_predict import write
from tests.modules import cells


@pytest.fixture
def run(piped):
    return partial(piped, predict)


def test_vectors_as_parquet_and_numpy(bert, run, tmp_path):
    module = cells.stirred(modules.FullFineTuning, bert, modules.Embedding())
    folder = str(export(module, tmp_path / "export"))
    wanted, file = module.predict(cells.TEXTS * 3), write(tmp_path / "new.csv")
    for name in ("out.parquet", "out.npy"):
        done = run(folder, file, "--output", str(tmp_path / name))
        assert done.code == 0, done.err
    table = pq.read_table(tmp_path / "out.parquet").to_pylist()
    np.testing.assert_allclose([row["prediction"] for row in table], wanted, atol=1e-5)
    assert table[0]["text"] == cells.TEXTS[0]
    held = np.load(tmp_path / "out.npy")
    np.testing.assert_allclose(held, wanted, atol=1e-5)
    assert (held.dtype, held.shape) == (np.float32, (12, 16))


def test_numpy_holds_nothing_but_vectors(bert, run, tmp_path):
    module = cells.stirred(modules.FullFineTuning, bert, cells.TASKS["class"]())
    folder = str(export(module, tmp_path / "export"))
    out = tmp_path / "out.npy"
    done = run(folder, write(tmp_path / "new.csv"), "--output", str(out))
    assert done.code == 2
    assert f"--output {out}: .npy holds vectors, and the model predicts none" in done.err
    assert not list(tmp_path.glob("out*"))
