"""Exports in Teachable Machine's own library, in the browser that it was made for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.vision.exports import export_model
from core.vision.exports.teachable_machine import image_size_px
from tests.picture_models import LABELS, LITE, picture_model
from tests.tfjs.oracle import FOLDER, require_node

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

MODULES = FOLDER / "node_modules"
SCRIPTS = (
    MODULES / "tfjs-1.3.1" / "dist" / "tf.min.js",
    MODULES / "@teachablemachine" / "image" / "dist" / "teachablemachine-image.min.js",
)
PREDICT = """async ({size, pixels}) => {
  const [model, weights, metadata] = document.querySelector('input').files;
  const loaded = await tmImage.loadFromFiles(model, weights, metadata);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size;
  const image = new ImageData(Uint8ClampedArray.from(pixels), size, size);
  canvas.getContext('2d').putImageData(image, 0, 0);
  return {version: tf.version_core, predictions: await loaded.predict(canvas)};
}"""


def test_teachable_machines_library_loads_and_predicts(browser: Browser, tmp_path: Path) -> None:
    require_node()
    model = picture_model("mobilenet_v2", preprocessing=LITE)
    export = export_model(model, "teachable-machine")
    paths = []
    for name in ("model.json", "weights.bin", "metadata.json"):
        (tmp_path / name).write_bytes(export.files[name])
        paths.append(str(tmp_path / name))
    size = image_size_px(model)
    edge = (size - model.preprocessing.input_size_px) // 2
    wide = np.pad(model.golden_pictures[1], ((edge, edge), (edge, edge), (0, 0)), mode="wrap")
    rgba = np.dstack([wide, np.full(wide.shape[:2], 255, np.uint8)])
    context = browser.new_context()
    context.set_offline(True)
    page = context.new_page()
    page.set_content("<input type=file multiple>")
    for script in SCRIPTS:
        page.add_script_tag(path=str(script))
    page.set_input_files("input", paths)
    answer = page.evaluate(PREDICT, {"size": size, "pixels": rgba.reshape(-1).tolist()})
    context.close()
    assert answer["version"] == "1.3.1"
    assert [one["className"] for one in answer["predictions"]] == list(LABELS)
    received = np.array([one["probability"] for one in answer["predictions"]])
    assert np.abs(received - model.golden_answers[1]).max() <= 1e-4
