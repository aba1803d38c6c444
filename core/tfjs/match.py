"""Finding the layer's variable that a stored weight belongs to, whatever era named it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from core.errors import ModelError, Note
from core.tfjs.limits import MAX_WEIGHT_BYTES
from core.tfjs.model import Config, Weight
from core.tfjs.variables import Variable, model_variables
from core.tfjs.weights import too_large

__all__ = ["arrange_weights", "match_by_name", "plain_array"]

# What older eras called a variable: Keras 1 appended "_W"; the depthwise kernel is Keras 3's.
_OTHER_NAMES = {
    "kernel": ("W",),
    "recurrent_kernel": ("U",),
    "bias": ("b",),
    "depthwise_kernel": ("kernel", "W"),
    "embeddings": ("W",),
    "moving_mean": ("running_mean",),
    "moving_variance": ("running_std", "running_variance"),
    "alpha": ("alphas",),
}
_PLAIN, _WITHOUT_COUNTER = "plain", "without counter"
_COUNTER = re.compile(r"_\d+$")
_MAX_PARENTS = 10
_IGNORED = re.compile(r"(^|/)(seed_generator\w*/|random_seed_generator/)?seed_generator_state")


def plain_array(array: Weight, *, name: str) -> Weight:
    """Return a weight in one of the types of layers models; float32 passes bit by bit.

    Parameters
    ----------
    array : ndarray
        Of any real type.
    name : str
        For the message.

    Raises
    ------
    ModelError
        If a 64-bit integer does not fit into int32, or a float64 into float32.
    """
    if array.dtype in (np.float32, np.int32, np.bool_):
        return array
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            floats = array.astype(np.float32)
        if not np.array_equal(np.isinf(floats), np.isinf(array)):
            raise ModelError("model_file.float_range", name=name[:80])
        return floats
    limits = np.iinfo(np.int32)
    if array.size and not (limits.min <= int(array.min()) and int(array.max()) <= limits.max):
        raise ModelError("model_file.integer_range", name=name[:80])
    return array.astype(np.int32)


def match_by_name(
    variables: Iterable[Variable], stored: Mapping[str, Weight], *, one_layer: bool
) -> dict[str, str]:
    """Say which stored name holds which variable.

    Parameters
    ----------
    variables : iterable of Variable
        What is looked for.
    stored : mapping of str to ndarray
        Weights by their name in the file, without ``:0``.
    one_layer : bool
        Whether all of `stored` is known to belong to the layer of `variables`, as in a group of
        an HDF5 file; its name need not appear then.

    Returns
    -------
    dict of str to str
        Stored names by :attr:`Variable.name`. Variables that were not found are left out.
    """
    variables = list(variables)
    found = {v.name: v.name for v in variables if v.name in stored}
    taken = set(found)
    index = _index([name for name in stored if name not in taken], one_layer=one_layer)
    # Names with a counter that Keras added ("conv2d_1_1") come last: "conv2d_1" may be a layer.
    for place in (_PLAIN, _WITHOUT_COUNTER):
        for variable in variables:
            if variable.name in found:
                continue
            layer = "" if one_layer else variable.layer
            endings = (variable.short_name, *_OTHER_NAMES.get(variable.short_name, ()))
            for name in (n for e in endings for n in index.get((place, layer, e), ())):
                if name not in taken and set(variable.inside) <= set(name.split("/")[:-1]):
                    found[variable.name] = name
                    taken.add(name)
                    break
    return found


def _index(names: list[str], *, one_layer: bool) -> dict[tuple[str, str, str], list[str]]:
    """Return names by how they may mention their layer, and by their last part."""
    index: dict[tuple[str, str, str], list[str]] = {}
    for name in names:
        *parents, last = name.split("/")
        keys: set[tuple[str, str, str]] = set()
        if one_layer:
            # Keras 1 wrote "dense_1_W": the part behind the last underscore counts too.
            keys = {(_PLAIN, "", last), (_WITHOUT_COUNTER, "", last.rsplit("_", 1)[-1])}
            keys.add((_WITHOUT_COUNTER, "", "_".join(last.rsplit("_", 2)[-2:])))
        else:
            parents = parents[:_MAX_PARENTS]
            for start in range(len(parents)):
                for end in range(start + 1, len(parents) + 1):
                    layer = "/".join(parents[start:end])
                    keys.add((_PLAIN, layer, last))
                    keys.add((_WITHOUT_COUNTER, _COUNTER.sub("", layer), last))
        for key in keys:
            index.setdefault(key, []).append(name)
    return index


def is_ignored(name: str) -> bool:
    """Say whether a stored weight is the state of a random generator, which no format needs."""
    return _IGNORED.search(name) is not None


def arrange_weights(
    topology: Config, weights: Mapping[str, Weight]
) -> tuple[dict[str, Weight], tuple[Note, ...]]:
    """Check weights against the layers and give each its TensorFlow.js name.

    Parameters
    ----------
    topology : dict
        Canonical model.
    weights : mapping of str to ndarray
        By stored name, without ``:0``.

    Returns
    -------
    weights : dict of str to ndarray
        By TensorFlow.js name, in the order of `weights`.
    notices : tuple of Note
        Which weights belong to no layer and were left out.

    Raises
    ------
    ModelError
        If a layer lacks a weight, a shape contradicts the layer's settings, or two layers have
        the same weight name.
    """
    variables = list(model_variables(topology))
    by_name: dict[str, Variable] = {}
    for variable in variables:
        if variable.name in by_name:
            raise ModelError("model_file.layer_twice", name=variable.layer[:80])
        by_name[variable.name] = variable
    found = match_by_name(variables, weights, one_layer=False)
    missing = [v.name for v in variables if v.name not in found and v.short_name != "count"]
    if missing:
        raise ModelError(
            "model_file.weights_missing", count=len(missing), names=", ".join(missing[:3])[:200]
        )
    canonical = {stored: name for name, stored in found.items()}
    arranged: dict[str, Weight] = {}
    surplus = []
    for stored, array in weights.items():
        if stored in canonical:
            name = canonical[stored]
            _check_shape(by_name[name], array)
            arranged[name] = plain_array(array, name=name)
        elif not is_ignored(stored):
            surplus.append(stored)
    total_bytes = sum(array.nbytes for array in arranged.values())
    if total_bytes > MAX_WEIGHT_BYTES:
        raise too_large(total_bytes)
    if not surplus:
        return arranged, ()
    note = Note(
        "model_file.note_surplus",
        {"count": len(surplus), "names": ", ".join(surplus[:3])[:200]},
    )
    return arranged, (note,)


def _check_shape(variable: Variable, array: Weight) -> None:
    expected = variable.shape
    if expected is not None and (
        len(expected) != array.ndim
        or any(e not in (None, side) for e, side in zip(expected, array.shape, strict=True))
    ):
        raise ModelError(
            "model_file.weight_contradicts",
            name=variable.name[:80],
            expected=str([("any" if side is None else side) for side in expected])[:80],
            received=str(list(array.shape))[:80],
        )
