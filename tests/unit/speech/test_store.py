"""Which speech models there are: ours, the user's, and what the net has."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import numpy as np
import pytest

from core.audio import BrowserFft
from core.errors import DownloadError, ModelError, UsageError
from core.pretrained.store import ModelStore
from core.speech import SpeechModelStore, load_model, read_speech_model
from tests.speech_kit import WORDS, babble, model_files, write_model


class Response(io.BytesIO):
    status = 200

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.headers = Message()
        self.headers["Content-Length"] = str(len(content))


class Server:
    """Answers by the last part of the address."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []

    def __call__(self, request: urllib.request.Request, timeout_s: float) -> Response:
        self.asked.append(request.full_url)
        name = request.full_url.rsplit("/", 1)[1]
        if name not in self.files:
            raise urllib.error.HTTPError(request.full_url, 404, "", Message(), None)
        return Response(self.files[name])


def store(tmp_path: Path, *user: Path, server: Server | None = None) -> SpeechModelStore:
    return SpeechModelStore(
        tmp_path / "home", user, bundled=tmp_path / "bundled", opener=server or Server({})
    )


def test_without_any_model_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    empty = store(tmp_path)
    assert {status.state for status in empty.entries()} == {"download"}
    with pytest.raises(ModelError) as caught:
        empty.default_id()
    assert caught.value.code == "speech.no_model"
    assert "models/local" in caught.value.message


def test_ours_comes_before_the_users(tmp_path: Path) -> None:
    write_model(tmp_path / "user" / "my words")
    models = store(tmp_path, tmp_path / "user")
    assert models.default_id() == "user-my-words"
    assert models.load("user-my-words").source == "user"
    write_model(tmp_path / "bundled", seed=1)
    assert models.default_id() == "teachdeck-18w"
    states = {status.model_id: status.state for status in models.entries()}
    assert states["user-my-words"] == states["teachdeck-18w"] == "on_disk"
    assert models.entries()[0].labels == WORDS


def test_a_model_is_loaded_once_until_its_files_change(tmp_path: Path) -> None:
    write_model(tmp_path / "bundled")
    models = store(tmp_path)
    first = models.load("teachdeck-18w")
    assert models.load("teachdeck-18w") is first
    metadata = json.dumps({"words": [*WORDS[:5], "hinauf"]})
    (tmp_path / "bundled" / "metadata.json").write_text(metadata)
    assert models.load("teachdeck-18w").labels[5] == "hinauf"


def test_stored_outputs_are_checked_again(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "bundled")
    model = read_speech_model(folder)
    features = BrowserFft().features(babble(2).reshape(2, -1))
    logits = model.run(features).logits
    np.savez(folder / "golden.npz", features=features, logits=logits)
    assert store(tmp_path).load("teachdeck-18w").labels == WORDS
    np.savez(folder / "golden.npz", features=features, logits=logits + 1)
    with pytest.raises(ModelError) as caught:
        store(tmp_path).load("teachdeck-18w")
    assert caught.value.code == "speech.golden"
    (folder / "golden.npz").write_bytes(b"no archive")
    with pytest.raises(ModelError):
        store(tmp_path).load("teachdeck-18w")


def test_the_official_model_is_downloaded_once(tmp_path: Path) -> None:
    server = Server(model_files())
    models = store(tmp_path, server=server)
    progress: list[tuple[int, int]] = []
    model = models.load("official-18w", progress=lambda done, of: progress.append((done, of)))
    assert model.labels == WORDS
    assert progress
    base = "https://storage.googleapis.com/tfjs-models/tfjs/speech-commands/v0.5/browser_fft/18w/"
    assert server.asked[0] == base + "model.json"
    assert server.asked[-1] == base + "metadata.json"
    assert len(server.asked) == 4
    assert store(tmp_path, server=Server({})).load("official-18w").labels == WORDS
    assert models.default_id() == "official-18w"


def test_what_cannot_be_reached_is_named_and_not_half_there(tmp_path: Path) -> None:
    files = model_files()
    del files["group1-shard2of2"]
    models = store(tmp_path, server=Server(files))
    with pytest.raises(DownloadError):
        models.load("official-18w")
    assert {status.state for status in models.entries()} == {"download"}
    with pytest.raises(ModelError):
        models.default_id()


def test_an_address_names_a_model(tmp_path: Path) -> None:
    server = Server(model_files())
    models = store(tmp_path, server=server)
    for address in ("https://example.org/m/model.json", "https://example.org/m/"):
        assert load_model(address, store=models).labels == WORDS
    assert len(server.asked) == 4
    for address in ("ftp://example.org/model.json", "https:///model.json"):
        with pytest.raises(UsageError):
            models.load_url(address)


def test_a_manifest_cannot_lead_elsewhere(tmp_path: Path) -> None:
    files = model_files()
    document = json.loads(files["model.json"])
    document["weightsManifest"][0]["paths"] = ["../../x", "http://other.example/y"]
    files["model.json"] = json.dumps(document).encode()
    server = Server(files)
    with pytest.raises(ModelError):
        store(tmp_path, server=server).load("official-18w")
    assert len(server.asked) == 1


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_model("nobody", store=store(tmp_path))
    assert "official-18w" in caught.value.message


def test_a_speech_model_is_not_offered_for_pictures(tmp_path: Path) -> None:
    write_model(tmp_path / "user" / "words")
    broken = write_model(tmp_path / "user" / "broken")
    (broken / "metadata.json").write_text('{"wordLabels": 7}')
    pictures = ModelStore(tmp_path / "home", [tmp_path / "user"])
    assert not [entry for entry in pictures.entries() if entry.model_id.startswith("user-")]
    states = {entry.model_id: entry for entry in store(tmp_path, tmp_path / "user").entries()}
    assert states["user-broken"].state == "unusable"
    assert states["user-broken"].detail is not None
