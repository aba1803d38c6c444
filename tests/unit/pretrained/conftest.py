"""Networks with made-up weights, in the layouts that Keras and TensorFlow.js write."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.pretrained.architectures import expected_shapes

Arrays = dict[str, np.ndarray]


def made_up(name: str, alpha: float, classes: int, *, seed: int = 0) -> Arrays:
    """Return weights under an architecture's names that keep activations in range."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for key, shape in expected_shapes(name, alpha, classes).items():
        variable = key.rsplit("/", 1)[1]
        if variable in ("gamma", "moving_variance"):
            values = rng.uniform(0.5, 1.5, shape)
        elif variable in ("beta", "moving_mean", "bias"):
            values = rng.normal(0, 0.3, shape)
        else:
            fan_in = np.prod(shape[:-1]) if variable == "kernel" else np.prod(shape[:2])
            values = rng.normal(0, np.sqrt(2 / fan_in), shape)
        arrays[key] = values.astype(np.float32)
    return arrays


def by_layer(arrays: Arrays) -> dict[str, Arrays]:
    layers: dict[str, Arrays] = {}
    for key, array in arrays.items():
        layer, _, variable = key.rpartition("/")
        layers.setdefault(layer, {})[variable] = array
    return layers


def write_h5(
    path: Path,
    arrays: Arrays,
    *,
    whole: bool = False,
    suffix: str = ":0",
    rename: Callable[[str], str] = str,
    config: object = None,
) -> Path:
    """Write the .h5 of Keras 1 to 3: weights alone, or below model_weights."""
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
        layers = {rename(layer): variables for layer, variables in by_layer(arrays).items()}
        root.attrs["layer_names"] = [name.encode() for name in layers]
        for layer, variables in layers.items():
            group = root.create_group(layer)
            names = [f"{layer}/{variable}{suffix}" for variable in variables]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, variables.values(), strict=True):
                group[name] = array
    return path


def archive_h5(arrays: Arrays) -> bytes:
    """Return the model.weights.h5 of Keras 3: groups by class and number."""
    stream = io.BytesIO()
    counts: dict[str, int] = {}
    with h5py.File(stream, "w") as file:
        for variables in by_layer(arrays).values():
            if "gamma" in variables:
                kind = "batch_normalization"
            elif "depthwise_kernel" in variables:
                kind = "depthwise_conv2d"
            else:
                kind = "conv2d" if variables["kernel"].ndim == 4 else "dense"
            number = counts.get(kind, 0)
            counts[kind] = number + 1
            group = file.create_group(f"layers/{kind}{f'_{number}' if number else ''}/vars")
            for index, array in enumerate(variables.values()):
                group[str(index)] = array
    return stream.getvalue()


def write_keras(path: Path, arrays: Arrays, *, size_px: int = 224) -> Path:
    config = {"config": {"layers": [{"config": {"batch_shape": [None, size_px, size_px, 3]}}]}}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", archive_h5(arrays))
    return path


def write_tfjs(folder: Path, arrays: Arrays) -> Path:
    folder.mkdir(parents=True)
    names = sorted(arrays)
    specs = [{"name": n, "shape": list(arrays[n].shape), "dtype": "float32"} for n in names]
    content = b"".join(arrays[n].tobytes() for n in names)
    half = len(content) // 2 + 1
    (folder / "shard1").write_bytes(content[:half])
    (folder / "shard2").write_bytes(content[half:])
    manifest = [{"paths": ["shard1", "shard2"], "weights": specs}]
    topology = {"config": {"batch_input_shape": [None, 224, 224, 3]}}
    document = {"modelTopology": topology, "weightsManifest": manifest}
    (folder / "model.json").write_text(json.dumps(document))
    return folder


@pytest.fixture(scope="session")
def mobilenet() -> Arrays:
    """Return MobileNet V1 0.25 with 1,000 classes and made-up weights."""
    return made_up("mobilenet_v1", 0.25, 1000)


@dataclass
class FileServer:
    """A server of one file that misbehaves as told; counts what it was asked."""

    content: bytes = b""
    etag: str = '"one"'
    status: int = 200
    ranges: bool = True
    send_only: int | None = None
    announce_length: bool = True
    redirect: str = ""
    bad_range: bool = False
    hold: threading.Event = field(default_factory=threading.Event)
    holding_after: int | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Serve one file on a free port of this machine."""
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            state.requests.append({key.lower(): value for key, value in self.headers.items()})
            if state.redirect and self.path == "/file.h5":
                self.send_response(302)
                self.send_header("Location", state.redirect)
                self.end_headers()
                return
            if state.status != 200:
                self.send_error(state.status)
                return
            start, status = 0, 200
            asked = self.headers.get("Range", "")
            same = self.headers.get("If-Range", state.etag) == state.etag
            if asked and state.ranges and same:
                start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
                if start >= len(state.content):
                    self.send_error(416)
                    return
            body = state.content[start:]
            self.send_response(status)
            if state.etag:
                self.send_header("ETag", state.etag)
            if status == 206:
                shown = 0 if state.bad_range else start
                end = f"{shown}-{len(state.content) - 1}/{len(state.content)}"
                self.send_header("Content-Range", f"bytes {end}")
            if state.announce_length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if state.holding_after is not None:
                self.wfile.write(body[: state.holding_after])
                self.wfile.flush()
                state.hold.wait(10)
                body = body[state.holding_after :]
            self.wfile.write(body if state.send_only is None else body[: state.send_only])

    class QuietServer(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: clients hang up on purpose here."""

    httpd = QuietServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_port}/file.h5"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    state.hold.set()
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def writers() -> dict[str, Callable[..., Path]]:
    """Return the functions that write weights, by layout."""
    return {"h5": write_h5, "keras": write_keras, "tfjs": write_tfjs}
