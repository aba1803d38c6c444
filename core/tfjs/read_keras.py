"""The .keras archive: config.json, and variables named by the classes of their layers.

Where a variable lies follows from the order of the layers: ``layers/conv2d_1/vars/0`` is the first
variable of the second Conv2D. Source: ``keras/src/saving/saving_lib.py``, and its predecessor in
tf.keras 2.12 and later.
"""

from __future__ import annotations

from core.errors import ModelError
from core.tfjs.checks import check_topology
from core.tfjs.files import FileSet
from core.tfjs.hdf5_group import Hdf5Group
from core.tfjs.hdf5_process import read_untrusted_hdf5
from core.tfjs.limits import parse_json
from core.tfjs.match import arrange_weights
from core.tfjs.model import Config, LayersModel, Origin, Weight, is_model
from core.tfjs.repair import repair_topology
from core.tfjs.variables import layer_variables, snake_case, unique_name

__all__ = ["is_variable_store", "read_keras", "weights_of_store"]

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# tf.keras 2.12 named the list of layers after the attribute that held it.
_LAYER_LISTS = ("layers", "_layer_checkpoint_dependencies")


def read_keras(files: FileSet, *, name: str = "model.keras") -> LayersModel:
    """Read an unpacked .keras archive.

    Parameters
    ----------
    files : FileSet
        config.json, model.weights.h5 and metadata.json.
    name : str
        The archive's name, for messages.

    Returns
    -------
    LayersModel
        Weights in model order.

    Raises
    ------
    ModelError
        If a file is missing or the model breaks a rule of this package.
    """
    for member in (_CONFIG, _WEIGHTS):
        if member not in files.sizes:
            raise ModelError("model_file.keras_member", name=name[:80], member=member)
    document = parse_json(files.read(_CONFIG), name=_CONFIG)
    topology, notices = repair_topology(document)
    check_topology(topology)
    root = read_untrusted_hdf5(files.read(_WEIGHTS), name=_WEIGHTS, skip=("optimizer",))
    weights, surplus = arrange_weights(topology, weights_of_store(topology, root))
    version = None
    if _METADATA in files.sizes:
        metadata = parse_json(files.read(_METADATA), name=_METADATA)
        found = metadata.get("keras_version") if isinstance(metadata, dict) else None
        version = found[:40] if isinstance(found, str) else None
    compiled = document.get("compile_config") if isinstance(document, dict) else None
    return LayersModel(
        topology=topology,
        weights=weights,
        training_config=compiled if isinstance(compiled, dict) and compiled else None,
        origin=Origin(
            format="keras_keras",
            keras_version=version,
            generated_by=None if version is None else f"keras v{version}",
        ),
        notices=notices + surplus,
    )


def is_variable_store(root: Hdf5Group) -> bool:
    """Say whether an HDF5 group is laid out as model.weights.h5 is."""
    return "layer_names" not in root.attributes and any(
        any("vars" in layer.groups or _layer_list(layer) for layer in found.groups.values())
        for key in _LAYER_LISTS
        if (found := root.groups.get(key)) is not None
    )


def weights_of_store(topology: Config, root: Hdf5Group) -> dict[str, Weight]:
    """Return the weights of model.weights.h5 by TensorFlow.js name.

    Parameters
    ----------
    topology : dict
        Canonical model.
    root : Hdf5Group
        The file's root, or the group of a nested model.
    """
    container = _layer_list(root) or Hdf5Group()
    by_name = {
        name: group for group in container.groups.values() if (name := _own_name(group)) is not None
    }
    used: dict[str, int] = {}
    weights: dict[str, Weight] = {}
    for layer in topology["config"]["layers"]:
        if topology["class_name"] == "Sequential" and layer["class_name"] == "InputLayer":
            # A Sequential does not count its input among its layers.
            continue
        name = layer["config"]["name"]
        group = container.groups.get(unique_name(snake_case(layer["class_name"]), used))
        if group is None or _own_name(group) not in (None, name):
            # A layer that occurs twice in a model is stored once, which shifts the counters;
            # newer files say whose variables they are.
            group = by_name.get(name)
        if group is None:
            continue
        if is_model(layer):
            weights.update(weights_of_store(layer, group))
            continue
        for variable in layer_variables(layer):
            array = group.find(variable.path)
            if array is not None:
                weights[variable.name] = array
    return weights


def _layer_list(group: Hdf5Group) -> Hdf5Group | None:
    return next((group.groups[key] for key in _LAYER_LISTS if key in group.groups), None)


def _own_name(group: Hdf5Group) -> str | None:
    variables = group.groups.get("vars")
    return variables.text("name") if variables is not None else None
