"""Exported picture models in the real TensorFlow.js and in Teachable Machine's own library."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.imaging import Preprocessing
from core.vision.exports import Export, PictureModel, export_model
from core.vision.exports.page import TFJS_INTEGRITY
from core.vision.exports.teachable_machine import image_size_px
from tests.picture_models import LABELS, LITE, MOBILENET, picture_model
from tests.tfjs.oracle import FOLDER, NodeJob, require_node, run_jobs, write_files

pytestmark = pytest.mark.node

TOLERANCE = 1e-4
RESIZE = FOLDER.parent.parent / "core" / "vision" / "exports" / "templates" / "resize.js"


@pytest.fixture(scope="module")
def models() -> dict[str, PictureModel]:
    require_node()
    return {
        "EfficientNet-Lite": picture_model(),
        "MobileNet as in the article": picture_model(
            "mobilenet_v1", "feature_map", preprocessing=MOBILENET
        ),
        "MobileNet V3": picture_model("mobilenet_v3_large", hidden=0, preprocessing=LITE),
    }


def pixels_of(model: PictureModel) -> NDArray[np.float32]:
    return model.golden_pictures.astype(np.float32)


def test_layers_models_answer_alike_in_tensorflow_js(
    models: dict[str, PictureModel], tmp_path: Path
) -> None:
    jobs = {}
    for name, model in models.items():
        export = export_model(model, "tfjs")
        jobs[name] = NodeJob(write_files(tmp_path / name, files_of(export)), [pixels_of(model)])
    assert_answers(run_jobs(jobs, tmp_path / "run"), models)


def test_the_head_alone_reads_what_the_cut_network_gives(
    models: dict[str, PictureModel], tmp_path: Path
) -> None:
    model = models["MobileNet as in the article"]
    export = export_model(model, "tfjs-head")
    shape = model.network.output_shape(model.cut)
    features = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    job = NodeJob(write_files(tmp_path / "head", files_of(export)), [features])
    ((answers,),) = run_jobs({"head": job}, tmp_path / "run").values()
    assert answers.shape == (2, len(LABELS))
    assert answers.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


def test_teachable_machines_library_predicts_the_same(
    models: dict[str, PictureModel], tmp_path: Path
) -> None:
    jobs: list[dict[str, Any]] = []
    for number, (name, model) in enumerate(models.items()):
        folder = tmp_path / str(number)
        write_files(folder, export_model(model, "teachable-machine").files)
        edge = (image_size_px(model) - model.preprocessing.input_size_px) // 2
        wide = np.pad(model.golden_pictures[1], ((edge, edge), (edge, edge), (0, 0)), mode="wrap")
        rgba = np.dstack([wide, np.full(wide.shape[:2], 255, np.uint8)])
        (folder / "pixels").write_bytes(rgba.tobytes())
        jobs.append(
            {
                "id": name,
                "folder": str(folder),
                "pixels": str(folder / "pixels"),
                "size": wide.shape[0],
            }
        )
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    command = ["node", str(FOLDER / "run_teachable_machine.mjs")]
    command += [str(tmp_path / "jobs.json"), str(tmp_path / "results.json")]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    results = json.loads((tmp_path / "results.json").read_text())
    assert [result.get("error") for result in results] == [None] * len(models)
    for result, model in zip(results, models.values(), strict=True):
        assert result["version"] == "1.3.1"
        assert result["labels"] == list(LABELS)
        assert result["classes"] == len(LABELS)
        assert result["imageSize"] == image_size_px(model)
        received = [prediction["probability"] for prediction in result["predictions"]]
        assert np.abs(np.array(received) - model.golden_answers[1]).max() <= TOLERANCE


def files_of(export: Export) -> dict[str, bytes]:
    return dict(export.files)


def assert_answers(results: dict[str, Any], models: dict[str, PictureModel]) -> None:
    for name, result in results.items():
        assert not isinstance(result, str), f"{name}: {result}"
        assert np.abs(result[0] - models[name].golden_answers).max() <= TOLERANCE, name


SIZES = [
    (640, 480), (300, 801), (64, 64), (1, 1), (3, 500), (500, 3), (17, 9), (147, 146), (1201, 600),
]  # fmt: skip


def test_the_pages_resize_is_pillows_bit_for_bit(tmp_path: Path) -> None:
    require_node()
    rng = np.random.default_rng(0)
    jobs, expected = [], []
    for width, height in SIZES:
        for rule in (
            Preprocessing(64, "center_crop", 0.875, "bicubic"),
            Preprocessing(64, "center_crop", 1.0, "bilinear"),
            Preprocessing(48, "squeeze", 1.0, "bicubic"),
        ):
            pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
            file = tmp_path / f"{len(jobs)}.in"
            rgba = np.dstack([pixels, np.full((height, width), 255, np.uint8)])
            file.write_bytes(rgba.tobytes())
            jobs.append(
                {"file": str(file), "width": width, "height": height, "rule": rule.to_dict()}
            )
            expected.append(rule.resized(pixels)[0])
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    program = (
        RESIZE.read_text()
        + """
      const fs = require('fs');
      for (const {file, width, height, rule} of JSON.parse(fs.readFileSync(process.argv[2]))) {
        const picture = {data: fs.readFileSync(file), width, height};
        fs.writeFileSync(file.replace('.in', '.out'), seenByNetwork(picture, rule, 1e9));
      }"""
    )
    (tmp_path / "resize.cjs").write_text(program)
    command = ["node", str(tmp_path / "resize.cjs"), str(tmp_path / "jobs.json")]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    for number, square in enumerate(expected):
        received = np.fromfile(tmp_path / f"{number}.out", np.uint8).reshape(square.shape)
        assert np.array_equal(received, square), jobs[number]


def test_the_public_script_has_the_hash_that_pages_ask_for() -> None:
    require_node()
    script = FOLDER / "node_modules" / "@tensorflow" / "tfjs" / "dist" / "tf.min.js"
    digest = hashlib.sha384(script.read_bytes()).digest()
    assert f"sha384-{base64.b64encode(digest).decode()}" == TFJS_INTEGRITY
