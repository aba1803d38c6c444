"""Which speech models there are, and how to get one: bundled, the user's, official."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin, urlsplit

import numpy as np

from core.errors import ModelError, Note, TeachdeckError, UsageError
from core.home import teachdeck_home, user_model_folders
from core.pretrained.download import Opener, Progress, RemoteFile, fetch
from core.pretrained.user_models import Signature, find_user_models, names_words, signature
from core.speech.model import SpeechModel
from core.speech.read import read_metadata, read_speech_model, word_labels
from core.tfjs.files import read_file
from core.tfjs.limits import parse_json
from core.tfjs.model import SIDE_METADATA
from core.tfjs.weights import parse_manifest

__all__ = ["BUNDLED_ID", "SpeechModelStatus", "SpeechModelStore", "default_store", "load_model"]

BUNDLED_ID = "teachdeck-18w"
_BUNDLED_FOLDER = Path(__file__).resolve().parents[2] / "models" / "speech"
_MODEL_JSON = "model.json"
_GOLDEN = "golden.npz"
_GOLDEN_TOLERANCE = 1e-3
_MAX_GOLDEN_BYTES = 16 * 1024 * 1024
_OFFICIAL_URL = (
    "https://storage.googleapis.com/tfjs-models/tfjs/speech-commands/v0.5/browser_fft/{}/model.json"
)
_OFFICIAL = {
    "official-18w": ("18w", "TensorFlow.js 18 words"),
    "official-directional4w": ("directional4w", "TensorFlow.js 4 directions"),
}
_OFFICIAL_LICENCE = "Apache-2.0"
# Estimates: what arrives is checked by the shapes that model.json states.
_JSON_BYTES = 1_000_000
_OFFICIAL_BYTES = 6_000_000


@dataclass(frozen=True)
class SpeechModelStatus:
    """A speech model as a list shows it.

    Parameters
    ----------
    model_id, title : str
    labels : tuple of str
        Empty where it is not on this machine.
    state : {"on_disk", "download", "unusable"}
    source : {"bundled", "user", "download"}
    download_bytes : int
        About; 0 if none is needed.
    detail : Note or None
        Why it cannot be used.
    """

    model_id: str
    title: str
    labels: tuple[str, ...]
    state: str
    source: str
    download_bytes: int = 0
    detail: Note | None = None


class SpeechModelStore:
    """Finds and loads speech models. May be used from several threads at once.

    Parameters
    ----------
    home : pathlib.Path
        For downloads.
    user_folders : sequence of pathlib.Path
    bundled : pathlib.Path, optional
        The folder of the project's own model.
    opener : callable, optional
        As in :func:`core.pretrained.download.fetch`.
    """

    def __init__(
        self,
        home: Path,
        user_folders: Sequence[Path],
        *,
        bundled: Path = _BUNDLED_FOLDER,
        opener: Opener | None = None,
    ) -> None:
        self._downloads = home / "downloads" / "speech"
        self._user_folders = tuple(user_folders)
        self._bundled = bundled
        self._opener = opener
        self._loaded: dict[str, tuple[Signature, SpeechModel]] = {}
        self._lock = threading.Lock()

    def entries(self) -> tuple[SpeechModelStatus, ...]:
        """Return all models: our own, the user's, then the official ones."""
        found = [
            _status(model_id, path, title, source)
            for model_id, (path, title, source) in self._on_disk().items()
        ]
        known = {status.model_id for status in found}
        for model_id, (_, title) in _OFFICIAL.items():
            if model_id not in known:
                found.append(
                    SpeechModelStatus(model_id, title, (), "download", "download", _OFFICIAL_BYTES)
                )
        return tuple(found)

    def default_id(self) -> str:
        """Return the model that is used where none is named.

        Raises
        ------
        ModelError
            If there is none on this machine.
        """
        for status in self.entries():
            if status.state == "on_disk":
                return status.model_id
        raise ModelError("speech.no_model")

    def load(self, model_id: str, *, progress: Progress | None = None) -> SpeechModel:
        """Return a model ready to run; an official one is downloaded where it must be.

        Parameters
        ----------
        model_id : str
        progress : callable, optional
            Called with bytes received and expected of each file.

        Returns
        -------
        SpeechModel
            The same object for everybody while its files do not change.

        Raises
        ------
        UsageError
            If there is no such model.
        ModelError
            If its files cannot be used.
        DownloadError
            If it could not be fetched.
        """
        with self._lock:
            on_disk = self._on_disk()
            if model_id not in on_disk and model_id in _OFFICIAL:
                vocabulary, title = _OFFICIAL[model_id]
                folder = self._fetch(_OFFICIAL_URL.format(vocabulary), model_id, progress)
                on_disk[model_id] = (folder, title, "download")
            if model_id not in on_disk:
                known = ", ".join(status.model_id for status in self.entries())
                raise UsageError("speech.unknown_model", name=model_id[:80], known=known)
            path, title, source = on_disk[model_id]
            changed = signature(path)
            kept = self._loaded.get(model_id)
            if kept is None or kept[0] != changed:
                model = read_speech_model(path, model_id=model_id, title=title, origin=source)
                _check_golden(path, model)
                self._loaded[model_id] = kept = (changed, model)
            return kept[1]

    def load_url(self, url: str, *, progress: Progress | None = None) -> SpeechModel:
        """Return the model at an address, downloaded once.

        Parameters
        ----------
        url : str
            Of a model.json; metadata.json and the weight files lie beside it. A folder's address
            that ends in ``/`` will do, such as Teachable Machine gives.
        progress : callable, optional

        Returns
        -------
        SpeechModel

        Raises
        ------
        UsageError
            If the address is none of http or https.
        TeachdeckError
            If it could not be fetched or used.
        """
        address = url + _MODEL_JSON if url.endswith("/") else url
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError("speech.url", url=url[:200])
        name = f"url-{hashlib.sha256(address.encode()).hexdigest()[:16]}"
        folder = self._fetch(address, name, progress)
        return read_speech_model(folder, model_id=name, title=parts.hostname, origin="download")

    def _on_disk(self) -> dict[str, tuple[Path, str, str]]:
        """Return path, title and source of what is on this machine, by id."""
        found: dict[str, tuple[Path, str, str]] = {}
        if (self._bundled / _MODEL_JSON).is_file():
            found[BUNDLED_ID] = (self._bundled, "Teachdeck 18 words", "bundled")
        for user_model in find_user_models(self._user_folders):
            # A picture model has no metadata.json with words.
            if user_model.path.is_dir() and names_words(user_model.path):
                found[user_model.model_id] = (user_model.path, user_model.title, "user")
        for model_id, (_, title) in _OFFICIAL.items():
            folder = self._downloads / model_id
            if all((folder / name).is_file() for name in (_MODEL_JSON, SIDE_METADATA)):
                found[model_id] = (folder, title, "download")
        return found

    def _fetch(self, url: str, name: str, progress: Progress | None) -> Path:
        """Download model.json, metadata.json and the shards; return their folder.

        The metadata comes last, so that a folder which has it is whole.
        """
        folder = self._downloads / name
        self._get(url, folder / _MODEL_JSON, _JSON_BYTES, progress)
        document = parse_json(read_file(folder / _MODEL_JSON), name=_MODEL_JSON)
        manifest = document.get("weightsManifest") if isinstance(document, dict) else None
        for group in parse_manifest(manifest):
            for shard in group.paths:
                # Plain names: parse_manifest refuses others.
                target = folder / PurePosixPath(shard).name
                self._get(urljoin(url, shard), target, max(group.stored_bytes, 1024), progress)
        self._get(urljoin(url, SIDE_METADATA), folder / SIDE_METADATA, _JSON_BYTES, progress)
        return folder

    def _get(self, url: str, target: Path, size_bytes: int, progress: Progress | None) -> None:
        remote = RemoteFile(url, digest=None, size_bytes=size_bytes, exact_size=False)
        fetch(remote, target, opener=self._opener, progress=progress)


def default_store() -> SpeechModelStore:
    """Return a store over the usual folders."""
    return SpeechModelStore(teachdeck_home(), user_model_folders())


def load_model(
    named: str | None, *, store: SpeechModelStore | None = None, progress: Progress | None = None
) -> SpeechModel:
    """Return the model that a person named on the command line.

    Parameters
    ----------
    named : str or None
        An id, a folder, a model.json, a zip, or an address; None for the default.
    store : SpeechModelStore, optional
    progress : callable, optional

    Returns
    -------
    SpeechModel

    Raises
    ------
    TeachdeckError
        If there is no such model or it cannot be used.
    """
    store = store or default_store()
    if named is None:
        return store.load(store.default_id(), progress=progress)
    if re.match(r"https?://", named):
        return store.load_url(named, progress=progress)
    path = Path(named)
    if os.sep in named or path.exists():
        return read_speech_model(path, model_id=path.name, title=path.name)
    return store.load(named, progress=progress)


def _status(model_id: str, path: Path, title: str, source: str) -> SpeechModelStatus:
    try:
        labels = word_labels(read_metadata(path / SIDE_METADATA))
    except TeachdeckError as error:
        detail = Note(error.code, error.fields)
        return SpeechModelStatus(model_id, title, (), "unusable", source, detail=detail)
    return SpeechModelStatus(model_id, title, labels, "on_disk", source)


def _check_golden(folder: Path, model: SpeechModel) -> None:
    """Run the inputs that were stored with a model; refuse one that answers otherwise."""
    path = folder / _GOLDEN
    if not path.is_file() or path.stat().st_size > _MAX_GOLDEN_BYTES:
        return
    try:
        with np.load(path, allow_pickle=False) as stored:
            features, expected = stored["features"], stored["logits"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            "model_file.file_unreadable", name=_GOLDEN, detail=str(error)[:120]
        ) from error
    logits = model.run(np.ascontiguousarray(features[:2], np.float32)).logits
    if logits is None or logits.shape != expected[:2].shape:
        raise ModelError("speech.golden", model=model.title, difference=float("inf"))
    difference = float(np.abs(logits - expected[:2]).max())
    if difference > _GOLDEN_TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise ModelError("speech.golden", model=model.title, difference=difference)
