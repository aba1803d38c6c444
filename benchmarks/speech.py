"""Listening: one step against other runtimes, many listeners at once, and a long file.

    .venv/bin/python -m benchmarks.speech [MODEL]

MODEL is an id, a folder or a model.json; by default the model that the pages use. Prints three
tables. Times are medians of one run; the ratios are what counts.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.audio import encode_wav
from core.speech import (
    ListeningPipe,
    SmoothMode,
    SpeechModel,
    decide,
    load_model,
    score_sound,
)
from core.tfjs.compat import adapt
from core.tfjs.write_h5 import h5_bytes
from core.tfjs.write_layers import LayersOptions, layers_model_files

RATE_HZ = 44_100
BLOCK = RATE_HZ // 10
STREAMS = 20
STREAM_S = 20
FILE_S = 600
WINDOWS = 50


def _sound(seconds: int) -> NDArray[np.float32]:
    """Return bursts of harmonics in noise: as busy as speech."""
    rng = np.random.default_rng(0)
    time_s = np.arange(RATE_HZ) / RATE_HZ
    seconds_of = []
    for _ in range(min(seconds, 30)):
        pitch = rng.uniform(90, 240)
        voice = sum(np.sin(2 * np.pi * pitch * k * time_s) / k for k in range(1, 20))
        loudness = np.maximum(0, np.sin(2 * np.pi * (time_s - rng.uniform(0, 1))))
        seconds_of.append(0.05 * voice * loudness + rng.normal(0, 0.002, RATE_HZ))
    once = np.concatenate(seconds_of).astype(np.float32)
    return np.resize(once, seconds * RATE_HZ)


def _step_table(model: SpeechModel, folder: Path) -> None:
    """Print what one step of 0.1 s costs here, and one window elsewhere."""
    sound = _sound(30)
    pipe = ListeningPipe(model)
    steps = []
    for at in range(0, len(sound), BLOCK):
        started = time.perf_counter()
        pipe.push(sound[at : at + BLOCK])
        pipe.step()
        steps.append(1000 * (time.perf_counter() - started))
    steps = steps[20:]
    clips = np.stack([sound[at : at + 44_032] for at in range(0, WINDOWS * 20_000, 20_000)])
    windows = model.front_end.features(clips)
    ours = _median_ms(lambda at: model.run(windows[at : at + 1]))
    scores = model.run(windows).scores
    rows = [
        (
            "Teachdeck, a whole step: sound in, front end, network, decision",
            statistics.median(steps),
            "",
        ),
        ("the slowest of 20 such steps", float(np.percentile(steps, 95)), ""),
        ("Teachdeck, the network alone", ours, ""),
        *_elsewhere(model, windows, scores, folder),
    ]
    print(f"One step of 0.1 s, or one window of 1 s; {model.title}\n")
    print("| what | ms | against the network alone | largest difference of scores |")
    print("|---|---|---|---|")
    for what, taken_ms, difference in rows:
        print(f"| {what} | {taken_ms:.2f} | {taken_ms / ours:.1f} x | {difference} |")
    sys.stdout.flush()


def _elsewhere(
    model: SpeechModel,
    windows: NDArray[np.float32],
    scores: NDArray[np.float32],
    folder: Path,
) -> list[tuple[str, float, str]]:
    assert model.layers is not None, "the benchmark needs a model that was read from files"
    rows = []
    if shutil.which("node"):
        adapted = adapt(model.layers, "tfjs")
        files = layers_model_files(adapted, LayersOptions())
        for name, content in files.items():
            (folder / name).write_bytes(content)
        (folder / "windows.f32").write_bytes(windows.astype("<f4").tobytes())
        script = Path(__file__).with_name("speech_node.mjs")
        arguments = [folder / "model.json", folder / "windows.f32", len(windows)]
        run = subprocess.run(
            ["node", script, *map(str, arguments), folder / "scores.f32"],
            check=True,
            capture_output=True,
            text=True,
        )
        theirs = np.fromfile(folder / "scores.f32", "<f4").reshape(scores.shape)
        difference = f"{np.abs(theirs - scores).max():.0e}"
        rows.append(("TensorFlow.js under Node, wasm", float(run.stdout), difference))
    import keras

    (folder / "model.h5").write_bytes(h5_bytes(adapt(model.layers, "keras")))
    network = keras.models.load_model(folder / "model.h5", compile=False)
    theirs = network.predict(windows, verbose=0)
    taken_ms = _median_ms(lambda at: network.predict(windows[at : at + 1], verbose=0))
    rows.append(("Keras predict", taken_ms, f"{np.abs(theirs - scores).max():.0e}"))
    return rows


def _median_ms(call: object) -> float:
    assert callable(call)
    call(0)
    times = []
    for at in range(WINDOWS):
        started = time.perf_counter()
        call(at)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def _streams(model: SpeechModel) -> None:
    """Print how many listeners at once keep up, with a thread each as in the pages."""
    sound = np.rint(_sound(STREAM_S) * 32768).astype(np.int16)
    pipes = [ListeningPipe(model) for _ in range(STREAMS)]
    for pipe in pipes:
        pipe.start()
    frame = RATE_HZ // 50
    started, used = time.perf_counter(), time.process_time()
    waiting = []
    for number in range(STREAM_S * 50):
        block = sound[number * frame : (number + 1) * frame]
        for pipe in pipes:
            pipe.push(block)
        time.sleep(max(0.0, started + (number + 1) / 50 - time.perf_counter()))
        if number % 50 == 49:
            waiting.append(max(pipe.snapshot().waiting_s for pipe in pipes))
    taken_s, used_s = time.perf_counter() - started, time.process_time() - used
    for pipe in pipes:
        pipe.stop()
        pipe.step()
    lost_s = sum(pipe.snapshot().lost_s for pipe in pipes)
    print(f"\n{STREAMS} listeners at once for {STREAM_S} s, frames of 20 ms\n")
    print("| what | measured |\n|---|---|")
    print(f"| sound lost | {lost_s:.2f} s |")
    print(f"| most that a listener was late | {1000 * max(waiting):.0f} ms |")
    print(f"| processors used | {used_s / taken_s:.2f} |")
    sys.stdout.flush()


def _long_file(model: SpeechModel, folder: Path) -> None:
    """Print how much faster than real time a file is heard."""
    path = folder / "ten_minutes.wav"
    path.write_bytes(encode_wav(_sound(FILE_S)))
    rows = []
    for what, mode, options in (
        ("smooth mode, as `listen`", SmoothMode(), {"browser_period": None}),
        ("every mode and overlap, as the page", SmoothMode(), {"browser_period": 1}),
    ):
        started = time.perf_counter()
        track = score_sound(model, path, **options).track  # type: ignore[arg-type]
        scored = time.perf_counter()
        events = decide(track, mode)
        decided = time.perf_counter()
        rows.append((what, scored - started, 1000 * (decided - scored), len(events)))
    print(f"\nA file of {FILE_S // 60} minutes\n")
    print("| scores for | decode and score | faster than real time | decide again | words |")
    print("|---|---|---|---|---|")
    for what, taken_s, decide_ms, events_count in rows:
        print(
            f"| {what} | {taken_s:.1f} s | {FILE_S / taken_s:.0f} x | {decide_ms:.0f} ms "
            f"| {events_count} |"
        )


def main() -> None:
    """Measure and print the tables."""
    model = load_model(sys.argv[1] if len(sys.argv) > 1 else None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _step_table(model, folder)
        _streams(model)
        _long_file(model, folder)


if __name__ == "__main__":
    main()
