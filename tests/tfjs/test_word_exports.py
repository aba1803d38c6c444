"""Exported word models in the real speech-commands library, and the page's own front end."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio import BrowserFft
from core.speech import read_speech_model
from core.speech.exports import WordModel, export_words
from core.speech.exports.source import golden_sound
from tests.speech_kit import babble, model_files, pooled_model
from tests.tfjs.oracle import FOLDER, NodeJob, require_node, run_jobs, write_files

pytestmark = pytest.mark.node

TOLERANCE = 1e-5
FRONT = FOLDER.parent.parent / "core" / "speech" / "exports" / "templates" / "front.js"


def run_node(*arguments: object) -> None:
    command = ["node", *map(str, arguments)]
    ran = subprocess.run(command, check=False, capture_output=True, timeout=240, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.mark.parametrize("format_id", ["tfjs", "teachable-machine"])
def test_the_library_loads_it_with_the_same_scores_and_teaches_on_it(
    tmp_path: Path, format_id: str
) -> None:
    require_node()
    base = read_speech_model(model_files(units=32))
    rng = np.random.default_rng(0)
    labels = ("_background_noise_", "上一张", "下一张")
    taught = base.with_head(rng.normal(0, 0.3, (32, 3)), np.zeros(3), labels)
    golden = WordModel(taught, "x")
    write_files(tmp_path / "model", export_words(taught, format_id).files)
    features = np.ascontiguousarray(golden.golden_features, "<f4")
    (tmp_path / "features.f32").write_bytes(features.tobytes())
    script, count = FOLDER / "speech_model.mjs", len(features)
    paths = (tmp_path / "model", tmp_path / "features.f32", count, tmp_path / "results.json")
    run_node(script, *paths)
    said = json.loads((tmp_path / "results.json").read_text())
    noise = "_background_noise_" if format_id == "tfjs" else "Background Noise"
    assert said["words"] == [noise, *labels[1:]]
    assert said["shape"] == [None, 43, 232, 1]
    difference = np.abs(np.array(said["scores"]) - golden.golden_answers).max()
    assert difference <= TOLERANCE
    # The embedding that the library teaches on is the Dense layer with its activation.
    assert said["transfer"]["trainable"] == [[32, 2], [2]]
    assert said["transfer"]["untouched"]


@pytest.mark.parametrize("format_id", ["tfjs", "teachable-machine"])
def test_the_library_loads_a_head_on_two_kinds_of_pooling(tmp_path: Path, format_id: str) -> None:
    require_node()
    pooled = pooled_model(read_speech_model(model_files(units=32)))
    golden = WordModel(pooled, "x")
    write_files(tmp_path / "model", export_words(pooled, format_id).files)
    features = np.ascontiguousarray(golden.golden_features, "<f4")
    (tmp_path / "features.f32").write_bytes(features.tobytes())
    paths = (tmp_path / "model", tmp_path / "features.f32", 3, tmp_path / "results.json")
    run_node(FOLDER / "speech_model.mjs", *paths, "recognise")
    said = json.loads((tmp_path / "results.json").read_text())
    assert said["words"] == list(pooled.labels)
    assert np.abs(np.array(said["scores"]) - golden.golden_answers).max() <= TOLERANCE


def test_the_pages_front_end_is_ours(tmp_path: Path) -> None:
    require_node()
    rules = {
        "usual": BrowserFft(floor_db=-100.0),
        "browser": BrowserFft(),
        "other lengths": BrowserFft(rate_hz=16_000, hop_length=500, bins=100, frames=20),
    }
    sound = babble(1.2, seed=5)
    sound[20_000:30_000] = 0
    sound.astype("<f4").tofile(tmp_path / "sound")
    tones(np.arange(40_000) / 44_100).tofile(tmp_path / "tones")
    (tmp_path / "rules.json").write_text(
        json.dumps([{**rule.to_dict(), "before_db": -100} for rule in rules.values()])
    )
    program = (
        FRONT.read_text()
        + """
      const fs = require('fs'), folder = process.argv[2];
      const bytes = fs.readFileSync(`${folder}/sound`);
      const sound = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
      const save = (name, values) => fs.writeFileSync(`${folder}/${name}`, Buffer.from(values.buffer));
      JSON.parse(fs.readFileSync(`${folder}/rules.json`)).forEach((rule, number) => {
        const fft = new BrowserFft(rule), columns = [];
        for (let at = 0; at < sound.length; at += 777) columns.push(...fft.push(sound.subarray(at, at + 777)));
        save(`columns${number}`, Float32Array.from(columns.flatMap((column) => [...column])));
        save(`input${number}`, normalized(columns.slice(0, rule.frames), rule.epsilon));
      });
      save('golden', goldenSound(44032));
      const resampler = new Resampler(44100, 48000);
      const read = fs.readFileSync(`${folder}/tones`), blocks = [];
      const tones = new Float32Array(read.buffer.slice(read.byteOffset, read.byteOffset + read.length));
      for (let at = 0; at < tones.length; at += 3000) blocks.push(...resampler.push(tones.subarray(at, at + 3000)));
      save('resampled', Float32Array.from([...blocks, ...resampler.flush()]));
      save('at_once', new Resampler(44100, 48000).push(tones));
    """  # noqa: E501 -- lines of a program
    )
    (tmp_path / "front.cjs").write_text(program)
    run_node(tmp_path / "front.cjs", tmp_path)
    for number, (name, rule) in enumerate(rules.items()):
        expected = rule.columns(sound).decibels
        received = np.fromfile(tmp_path / f"columns{number}", np.float32).reshape(expected.shape)
        audible = expected > -150  # below, only the rounding of each program is to be seen
        np.testing.assert_allclose(received[audible], expected[audible], atol=0.01, err_msg=name)
        assert (received[~audible] <= -149).all(), name
        if rule.floor_db is not None:
            seen = rule.normalize(expected[: rule.frames])
            received = np.fromfile(tmp_path / f"input{number}", np.float32).reshape(seen.shape)
            np.testing.assert_allclose(received, seen, atol=1e-4)
    drawn = np.fromfile(tmp_path / "golden", np.float32)
    np.testing.assert_array_equal(drawn, golden_sound(0, 44_032))
    resampled = np.fromfile(tmp_path / "resampled", np.float32)
    at_once = np.fromfile(tmp_path / "at_once", np.float32)
    np.testing.assert_allclose(resampled[: len(at_once)], at_once, atol=1e-6)
    # What the network sees ends at 5 kHz; up to there a tone stays what it is.
    seconds = np.arange(1_000, len(at_once) - 1_000) / 48_000
    assert np.abs(resampled[1_000 : len(at_once) - 1_000] - tones(seconds)).max() < 1e-4


def tones(seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    sound = sum(0.2 * np.sin(2 * np.pi * hertz * seconds) for hertz in (101, 997, 4_970))
    return np.asarray(sound, np.float32)


def test_the_tensorflow_js_of_teachable_machine_loads_its_zip(tmp_path: Path) -> None:
    require_node()
    base = read_speech_model(model_files(units=32))
    models = {"chain": base, "two poolings": pooled_model(base)}
    golden = {name: WordModel(model, "x") for name, model in models.items()}
    jobs = {
        name: NodeJob(
            write_files(tmp_path / name, export_words(model, "teachable-machine").files),
            [golden[name].golden_features],
        )
        for name, model in models.items()
    }
    for name, answers in run_jobs(jobs, tmp_path / "run", release="1.3.1").items():
        assert not isinstance(answers, str), answers
        assert np.abs(answers[0] - golden[name].golden_answers).max() <= TOLERANCE, name
