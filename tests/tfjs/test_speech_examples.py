"""What we write as data.bin, in the real speech-commands library."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.speech.examples import Example, write_examples
from tests.tfjs.oracle import FOLDER, require_node

pytestmark = pytest.mark.node


def test_the_real_library_reads_our_file_and_writes_the_same_bytes(tmp_path: Path) -> None:
    require_node()
    rng = np.random.default_rng(5)
    audio = rng.uniform(-1, 1, 44032).astype(np.float32)
    given = [
        Example("下一张", rng.normal(size=(43, 232)).astype(np.float32)),
        Example("上一张", rng.normal(size=(43, 232)).astype(np.float32), key_frame=12),
        Example("Zoom", rng.normal(size=(43, 232)).astype(np.float32), None, audio, 44100),
        Example("_background_noise_", rng.normal(size=(86, 232)).astype(np.float32)),
        Example('a "quote" 🎈', rng.normal(size=(43, 232)).astype(np.float32)),
        Example("下一张", rng.normal(size=(43, 232)).astype(np.float32)),
    ]
    content = write_examples(given)
    (tmp_path / "data.bin").write_bytes(content)
    command = ["node", str(FOLDER / "speech_examples.cjs")]
    command += [str(tmp_path / "data.bin"), str(tmp_path / "again.bin")]
    finished = subprocess.run(command, check=True, capture_output=True, timeout=120)
    said = json.loads(finished.stdout)
    assert said["vocabulary"] == ["Zoom", "_background_noise_", 'a "quote" 🎈', "上一张", "下一张"]
    assert said["examples"]["上一张"][0]["keyFrameIndex"] == 12
    assert said["examples"]["Zoom"][0]["rateHz"] == 44100
    np.testing.assert_allclose(said["examples"]["Zoom"][0]["samples"], audio[:3], atol=1e-7)
    sums = [one["sum"] for one in said["examples"]["下一张"]]
    expected = [given[0].spectrogram.sum(dtype=np.float64), given[5].spectrogram.sum(dtype=float)]
    np.testing.assert_allclose(sums, expected, atol=1e-3)
    assert (tmp_path / "again.bin").read_bytes() == content
