"""What a support desk reads stays with it: no library reports its use to anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOOK = """
import sys
sys.path.insert(0, {root!r})
import models.encoder
import numpy, onnx, onnx.helper as helper
graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g",
    [helper.make_tensor_value_info("x", 1, [1])], [helper.make_tensor_value_info("y", 1, [1])])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
import onnxruntime
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
session.run(None, {{"x": numpy.zeros(1, numpy.float32)}})
"""


def test_the_runtime_writes_no_queue_of_reports(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    homes = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "XDG_DATA_HOME": str(tmp_path / "data")}
    subprocess.run([sys.executable, "-c", LOOK.format(root=str(ROOT))], env=environment | homes, check=True, timeout=60)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
