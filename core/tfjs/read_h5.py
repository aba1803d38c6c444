"""Keras .h5 files of every era: whole models, and weights for a known architecture."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import ModelError, Note
from core.tfjs.checks import check_topology
from core.tfjs.hdf5_group import Hdf5Group
from core.tfjs.hdf5_process import read_untrusted_hdf5
from core.tfjs.limits import parse_json
from core.tfjs.match import arrange_weights, match_by_name
from core.tfjs.model import Config, LayersModel, Origin, Weight, is_model
from core.tfjs.read_keras import is_variable_store, weights_of_store
from core.tfjs.repair import repair_topology
from core.tfjs.repair_keras1 import keras1_weights
from core.tfjs.variables import layer_variables, model_variables

__all__ = ["read_h5"]


def read_h5(
    content: bytes, *, name: str = "model.h5", topology: Mapping[str, object] | None = None
) -> LayersModel:
    """Read a Keras .h5 file.

    Parameters
    ----------
    content : bytes
        The file: a model as ``model.save`` of Keras 1, 2 or 3 writes it, or weights alone as
        ``save_weights`` writes them (``.weights.h5`` of Keras 3 included).
    name : str
        Its name, for messages.
    topology : mapping, optional
        The architecture for a file of weights alone: the JSON of any era, or a canonical
        topology. A file that has its own architecture keeps that.

    Returns
    -------
    LayersModel
        Weights in model order.

    Raises
    ------
    ModelError
        If the file holds weights alone and `topology` is missing, or the model breaks a rule of
        this package.
    """
    root = read_untrusted_hdf5(content, name=name[:80], skip=("optimizer_weights", "optimizer"))
    notices: tuple[Note, ...]
    config_text = root.text("model_config")
    if config_text is not None:
        document = parse_json(config_text.encode(), name=f"model_config of {name[:80]}")
    elif topology is not None:
        document = dict(topology)
    else:
        raise ModelError("model_file.weights_only", name=name[:80])
    repaired, notices = repair_topology(document)
    check_topology(repaired)
    group = root.groups.get("model_weights", root)
    version = root.text("keras_version") or group.text("keras_version")
    if is_variable_store(group):
        stored = weights_of_store(repaired, group)
    else:
        stored = _weights_by_layer(repaired, group, keras1=(version or "").startswith("1."))
    weights, surplus = arrange_weights(repaired, stored)
    return LayersModel(
        topology=repaired,
        weights=weights,
        training_config=_training_config(root, name),
        origin=Origin(
            format="keras",
            keras_version=version,
            generated_by=None if version is None else f"keras v{version}",
        ),
        notices=notices + surplus,
    )


def _training_config(root: Hdf5Group, name: str) -> Config | None:
    text = root.text("training_config")
    if text is None:
        return None
    config = parse_json(text.encode(), name=f"training_config of {name[:80]}")
    return config if isinstance(config, dict) else None


def _weights_by_layer(topology: Config, group: Hdf5Group, *, keras1: bool) -> dict[str, Weight]:
    """Return the weights of the layout with one group a layer, by TensorFlow.js name."""
    weights: dict[str, Weight] = {}
    for layer in topology["config"]["layers"]:
        name = layer["config"]["name"]
        layer_group = _group_at(group, name)
        if layer_group is None:
            continue
        stored = _stored_weights(layer_group)
        if is_model(layer):
            variables = tuple(model_variables(layer))
            found = match_by_name(variables, stored, one_layer=False)
        else:
            variables = layer_variables(layer)
            if keras1:
                stored = keras1_weights(layer, stored)
            found = match_by_name(variables, stored, one_layer=True)
            if not found and len(variables) == len(stored):
                # Early Keras 1 named its weights param_0, param_1, ... in the order of creation.
                found = {v.name: s for v, s in zip(variables, stored, strict=True)}
        weights.update({v.name: stored[found[v.name]] for v in variables if v.name in found})
        taken = set(found.values())
        weights.update({f"{name}:{s}": array for s, array in stored.items() if s not in taken})
    return weights


def _group_at(group: Hdf5Group, name: str) -> Hdf5Group | None:
    """Return the group of a layer; a slash in its name made groups in groups."""
    found: Hdf5Group | None = group
    for part in name.split("/"):
        found = found.groups.get(part) if found is not None else None
    return found


def _stored_weights(group: Hdf5Group) -> dict[str, Weight]:
    """Return a layer's arrays in the order in which Keras listed them, without ``:0``."""
    listed = group.texts("weight_names")
    if listed is not None:
        arrays = {name: group.find(name) for name in listed}
        if all(array is not None for array in arrays.values()):
            return {_plain(name): array for name, array in arrays.items() if array is not None}
    return {_plain(name): array for name, array in group.walk()}


def _plain(name: str) -> str:
    return name.rsplit(":", 1)[0] if name.rsplit(":", 1)[-1].isdigit() else name
