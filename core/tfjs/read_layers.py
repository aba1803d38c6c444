"""TensorFlow.js layers models: model.json with its shards, of every generation."""

from __future__ import annotations

from typing import Any

from core.errors import ModelError, Note
from core.tfjs.checks import check_topology
from core.tfjs.files import FileSet
from core.tfjs.limits import parse_json
from core.tfjs.match import arrange_weights
from core.tfjs.model import SIDE_METADATA, Config, LayersModel, Origin, Weight
from core.tfjs.repair import repair_topology
from core.tfjs.weights import WeightGroup, decode_group, parse_manifest

__all__ = ["read_layers"]


def read_layers(files: FileSet, *, name: str = "model.json") -> LayersModel:
    """Read a layers model.

    Parameters
    ----------
    files : FileSet
        model.json and the shards that it names, beside each other; metadata.json of a Teachable
        Machine export is read too.
    name : str
        Which of the files is the model.json.

    Returns
    -------
    LayersModel
        Quantised weights are dequantised; how is in ``origin.quantization``.

    Raises
    ------
    ModelError
        If the file is a graph model, a shard is missing or of a wrong size, or the model breaks a
        rule of this package.
    """
    document = parse_json(files.read(name), name=name[:80])
    if not isinstance(document, dict):
        raise ModelError("model_file.topology_missing", value=repr(document)[:80])
    _refuse_graph_model(document)
    topology, notices = repair_topology(document)
    check_topology(topology)
    groups = parse_manifest(document.get("weightsManifest"))
    stored: dict[str, Weight] = {}
    for group in groups:
        content, renamed = _group_content(group, groups, files)
        stored.update(decode_group(group, content))
        notices += renamed
    weights, surplus = arrange_weights(topology, stored)
    description = document.get("modelTopology", document)
    return LayersModel(
        topology=topology,
        weights=weights,
        metadata=_metadata(document, files),
        training_config=_training_config(document, description),
        origin=Origin(
            format="tfjs_layers_model",
            keras_version=_text(description.get("keras_version")),
            generated_by=_text(document.get("generatedBy")),
            converted_by=_text(document.get("convertedBy")),
            quantization={
                spec.name: spec.quantization
                for group in groups
                for spec in group.specs
                if spec.quantization is not None and not spec.optimizer
            },
        ),
        notices=notices + surplus,
    )


def _refuse_graph_model(document: Config) -> None:
    topology = document.get("modelTopology")
    is_graph = isinstance(topology, dict) and ("node" in topology or "library" in topology)
    if document.get("format") == "graph-model" or is_graph:
        raise ModelError("model_file.graph_model")


def _group_content(
    group: WeightGroup, groups: tuple[WeightGroup, ...], files: FileSet
) -> tuple[bytes, tuple[Note, ...]]:
    """Return the joined shards of a group, checked by their sizes before they are read."""
    paths: tuple[str, ...] = group.paths
    notices: tuple[Note, ...] = ()
    missing = [path for path in paths if path not in files.sizes]
    if missing:
        others = [path for path in files.sizes if path.lower().endswith(".bin")]
        # One weights file of the right size can only be the one that was renamed.
        if len(groups) != 1 or len(paths) != 1 or len(others) != 1:
            raise ModelError(
                "model_file.shards_missing",
                count=len(missing),
                names=", ".join(missing[:3])[:200],
            )
        if files.sizes[others[0]] != group.stored_bytes:
            raise ModelError(
                "model_file.shard_bytes",
                expected=group.stored_bytes,
                received=files.sizes[others[0]],
            )
        fields = {"expected": missing[0][:80], "received": others[0][:80]}
        paths, notices = (others[0],), (Note("model_file.note_renamed", fields),)
    received = sum(files.sizes[path] for path in paths)
    if received != group.stored_bytes:
        raise ModelError("model_file.shard_bytes", expected=group.stored_bytes, received=received)
    return b"".join(files.read(path) for path in paths), notices


def _metadata(document: Config, files: FileSet) -> Config | None:
    metadata = document.get("userDefinedMetadata")
    found: Config = dict(metadata) if isinstance(metadata, dict) else {}
    if SIDE_METADATA in files.sizes:
        side = parse_json(files.read(SIDE_METADATA), name=SIDE_METADATA)
        if isinstance(side, dict):
            found[SIDE_METADATA] = side
    return found or None


def _training_config(document: Config, description: Any) -> Config | None:
    # The converter keeps Keras' under modelTopology, model.save writes trainingConfig.
    config = document.get("trainingConfig", description.get("training_config"))
    return config if isinstance(config, dict) else None


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) else None
