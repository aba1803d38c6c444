"""Keras model configurations flattened to layer calls in order, nested models included.

Reads the dictionaries that Keras 2, Keras 3 and TensorFlow.js write; nothing in them is called
or imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from core.errors import ModelError
from core.inference.network import MAX_LAYERS

__all__ = ["LayerCall", "flatten_config"]

_MAX_DEPTH = 8
_MODEL_CLASSES = frozenset({"Sequential", "Functional", "Model"})
# Arguments of a call that change nothing at inference.
_HARMLESS_ARGUMENTS = frozenset({"training", "mask"})

_Reference = tuple[str, int, int]
_Key = tuple[str, int]


@dataclass(frozen=True)
class LayerCall:
    """One use of one layer.

    Parameters
    ----------
    name : str
        Unique in the flattened model: the layer's own name, with the nested model's name before
        it where that is taken, and the number of the call after it from the second call on.
    class_name : str
        ``"InputLayer"`` without inputs is an input of the whole model.
    config : mapping of str to object
    inputs : tuple of str
        Names of the calls whose outputs it reads.
    paths : tuple of str
        Names under which its weights may be found, the most exact first.
    """

    name: str
    class_name: str
    config: Mapping[str, Any]
    inputs: tuple[str, ...]
    paths: tuple[str, ...]


@dataclass
class _Layer:
    name: str
    class_name: str
    config: Any
    calls: list[list[_Reference]]


@dataclass
class _Flat:
    calls: list[LayerCall] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def add(
        self,
        names: Sequence[str],
        class_name: str,
        config: Mapping[str, Any],
        inputs: Sequence[str],
        paths: Sequence[str],
    ) -> str:
        """Add a call under the first of `names` that is free."""
        if len(self.calls) >= MAX_LAYERS:
            raise ModelError(
                "network.too_large", what="layers", received=len(self.calls) + 1, limit=MAX_LAYERS
            )
        name = next((name for name in names if name not in self.names), None)
        if name is None:
            raise ModelError("network.duplicate_name", name=names[-1])
        self.names.add(name)
        self.calls.append(LayerCall(name, class_name, config, tuple(inputs), tuple(paths)))
        return name


def flatten_config(model_config: Mapping[str, Any]) -> tuple[LayerCall, ...]:
    """Return the calls of a model and of all models nested in it, each after what it reads.

    Parameters
    ----------
    model_config : mapping
        ``{"class_name": "Sequential" | "Functional" | "Model", "config": ...}``, also wrapped in
        ``"modelTopology"`` or ``"model_config"`` as files hold it.

    Returns
    -------
    tuple of LayerCall
        A nested model appears as an ``"Activation"`` that changes nothing, under its own name,
        after its layers.

    Raises
    ------
    ModelError
        If the description is not of this form, a layer reads what does not exist, or models are
        nested or repeated beyond reason.
    """
    topology: Any = model_config
    for wrapper in ("modelTopology", "model_config"):
        if isinstance(topology, Mapping) and wrapper in topology:
            topology = topology[wrapper]
    flat = _Flat()
    _expand(_mapping(topology, "model"), None, (), flat)
    return tuple(flat.calls)


def _expand(
    model: Mapping[str, Any], inputs: Sequence[str] | None, outer: tuple[str, ...], flat: _Flat
) -> list[str]:
    """Add a model's calls to `flat` and return the names of its outputs."""
    if len(outer) > _MAX_DEPTH:
        raise _bad("nesting", f"at most {_MAX_DEPTH} models inside each other", "more")
    class_name, config = model.get("class_name"), model.get("config")
    if not isinstance(class_name, str) or class_name not in _MODEL_CLASSES:
        raise _bad("class_name", "Sequential, Functional or Model", class_name)
    if class_name == "Sequential":
        listed = config if isinstance(config, list) else _mapping(config, "config").get("layers")
        layers, wanted = _chain(_layers(listed), given=inputs is not None)
        entries = [layers[0].name]
    else:
        graph = _mapping(config, "config")
        layers = _layers(graph.get("layers"))
        entries = [name for name, _, _ in _references(graph.get("input_layers"))]
        wanted = _references(graph.get("output_layers"))
    return _connect(layers, entries, wanted, inputs, outer, flat)


def _connect(
    layers: Sequence[_Layer],
    entries: Sequence[str],
    wanted: Sequence[_Reference],
    inputs: Sequence[str] | None,
    outer: tuple[str, ...],
    flat: _Flat,
) -> list[str]:
    if inputs is not None and len(inputs) != len(entries):
        raise _bad("inputs", f"{len(entries)} for a nested model", len(inputs))
    counts: dict[str, int] = {}
    for layer in layers:
        if layer.name in counts:
            raise ModelError("network.duplicate_name", name=layer.name)
        counts[layer.name] = len(layer.calls)
    by_name = {layer.name: layer for layer in layers}

    def call_of(reference: _Reference) -> tuple[str, int]:
        name, call, _ = reference
        if name not in counts:
            raise ModelError("network.unknown_input", name="/".join(outer) or "model", input=name)
        # A nested model that was built and then called counts its calls from 1.
        at = 0 if counts[name] == 1 else call
        if not 0 <= at < counts[name]:
            raise _bad(f"call of layer {name}", f"below {counts[name]}", call)
        return name, at

    made: dict[tuple[str, int], list[str]] = {}

    def tensor_of(reference: _Reference) -> str:
        tensors = made[call_of(reference)]
        if not 0 <= reference[2] < len(tensors):
            raise _bad(f"output of layer {reference[0]}", f"below {len(tensors)}", reference[2])
        return tensors[reference[2]]

    needs = {
        (layer.name, at): [call_of(reference) for reference in references]
        for layer in layers
        for at, references in enumerate(layer.calls)
    }
    for name, at in _in_order(needs):
        layer = by_name[name]
        reads = [tensor_of(reference) for reference in layer.calls[at]]
        if inputs is not None and name in entries:
            reads = [inputs[entries.index(name)]]
        made[name, at] = _call(layer, at, reads, outer, flat)
    return [tensor_of(reference) for reference in wanted]


def _in_order(needs: Mapping[_Key, Sequence[_Key]]) -> list[_Key]:
    """Return the keys, each after what it needs, and as they came wherever that is so already."""
    order: dict[_Key, None] = {}
    opened: set[_Key] = set()
    for start in needs:
        stack = [start]
        while stack:
            key = stack[-1]
            missing = [need for need in needs[key] if need not in order]
            if key in order or not missing:
                order[stack.pop()] = None
            elif key in opened:
                raise ModelError("keras.circular", name=key[0])
            else:
                opened.add(key)
                stack.extend(reversed(missing))
    return list(order)


def _call(
    layer: _Layer, at: int, reads: Sequence[str], outer: tuple[str, ...], flat: _Flat
) -> list[str]:
    own = layer.name if at == 0 else f"{layer.name}:{at}"
    path = "/".join((*outer, own))
    names = (own, path)
    weights = ("/".join((*outer, layer.name)), layer.name)
    if layer.class_name in _MODEL_CLASSES:
        nested = {"class_name": layer.class_name, "config": layer.config}
        outputs = _expand(nested, reads, (*outer, own), flat)
        if len(outputs) > 1:
            return outputs
        return [flat.add(names, "Activation", {"activation": "linear"}, outputs, weights)]
    config = _mapping(layer.config, f"config of {layer.name}")
    return [flat.add(names, layer.class_name, config, reads, weights)]


def _layers(listed: object) -> list[_Layer]:
    if not isinstance(listed, list) or not listed:
        raise _bad("layers", "a list of layers", type(listed).__name__)
    if len(listed) > MAX_LAYERS:
        raise ModelError("network.too_large", what="layers", received=len(listed), limit=MAX_LAYERS)
    layers: list[_Layer] = []
    for entry in listed:
        layer = _mapping(entry, "layer")
        config = layer.get("config")
        class_name = layer.get("class_name")
        name = layer.get("name")
        if name is None and isinstance(config, Mapping):
            name = config.get("name")
        if name is None and isinstance(config, list):
            name = f"sequential_{len(layers)}"
        if not isinstance(class_name, str) or not isinstance(name, str) or not name:
            raise _bad("layer", "a class_name and a name", [class_name, name])
        nodes = _list(layer.get("inbound_nodes", []))
        if class_name in ("Add", "Multiply") and len(nodes) == 1:
            class_name, config, nodes = _with_number(class_name, config, nodes)
        calls = [_call_references(name, node) for node in nodes]
        layers.append(_Layer(name, class_name, config, calls or [[]]))
    return layers


def _chain(layers: list[_Layer], *, given: bool) -> tuple[list[_Layer], list[_Reference]]:
    """Give the layers of a Sequential their inputs, and an input layer where it is implied."""
    first = layers[0]
    if first.class_name != "InputLayer":
        shape = _implied_shape(first)
        if shape is None and not given:
            raise ModelError("keras.no_input_shape", name=first.name)
        config = {"batch_input_shape": shape}
        layers = [_Layer(f"{first.name}_input", "InputLayer", config, [[]]), *layers]
    for before, layer in pairwise(layers):
        layer.calls = [[(before.name, 0, 0)]]
    layers[0].calls = [[]]
    return layers, [(layers[-1].name, 0, 0)]


def _implied_shape(layer: _Layer, depth: int = 0) -> object:
    """Return the input shape that the first layer of a Sequential carries, also when nested."""
    if depth > _MAX_DEPTH:
        raise _bad("nesting", f"at most {_MAX_DEPTH} models inside each other", "more")
    config = layer.config
    if layer.class_name == "Sequential":
        nested = config if isinstance(config, list) else _mapping(config, "config").get("layers")
        return _implied_shape(_layers(nested)[0], depth + 1)
    config = _mapping(config, f"config of {layer.name}")
    if layer.class_name in _MODEL_CLASSES:
        entries = _references(config.get("input_layers"))
        inner = [each for each in _layers(config.get("layers")) if each.name == entries[0][0]]
        return _implied_shape(inner[0], depth + 1) if inner else None
    return config.get("batch_input_shape", config.get("batch_shape"))


def _references(listed: object) -> list[_Reference]:
    """Return ``[["a", 0, 0], ...]``, also where Keras 3 writes a single one flat."""
    entries = _list(listed)
    if entries and isinstance(entries[0], str):
        entries = [entries]
    references = [_reference(entry) for entry in entries]
    if not references:
        raise _bad("input_layers or output_layers", "at least one", listed)
    return references


def _reference(entry: object) -> _Reference:
    if isinstance(entry, list | tuple) and len(entry) >= 3:
        name, call, tensor = entry[:3]
        if isinstance(name, str) and isinstance(call, int) and isinstance(tensor, int):
            return name, call, tensor
    raise _bad("reference to a layer", "[name, call, tensor]", entry)


def _call_references(layer: str, node: object) -> list[_Reference]:
    if isinstance(node, Mapping):
        references = list(_keras_tensors(node.get("args", []), 0))
        _check_arguments(layer, node.get("kwargs", {}))
        return references
    entries = _list(node)
    if entries and isinstance(entries[0], str):
        entries = [entries]
    for entry in entries:
        if isinstance(entry, list) and len(entry) > 3:
            _check_arguments(layer, entry[3])
    return [_reference(entry) for entry in entries]


def _with_number(
    class_name: str, config: object, nodes: Sequence[Any]
) -> tuple[str, object, Sequence[Any]]:
    """Return Keras 3's ``x + 3.0`` or ``x * 3.0`` as a Rescaling, anything else as it came.

    Keras 3 writes the operator under the name of the layer that adds or multiplies tensors; its
    MobileNet V3 is full of them.
    """
    arguments = nodes[0].get("args") if isinstance(nodes[0], Mapping) else None
    if not isinstance(arguments, list) or len(arguments) != 2:
        return class_name, config, nodes
    numbers = [each for each in arguments if isinstance(each, int | float)]
    if len(numbers) != 1:
        return class_name, config, nodes
    key = "offset" if class_name == "Add" else "scale"
    tensors = [each for each in arguments if not isinstance(each, int | float)]
    return "Rescaling", {key: numbers[0]}, [{**nodes[0], "args": tensors}]


def _keras_tensors(value: object, depth: int) -> Iterator[_Reference]:
    """Yield the tensors in the arguments of a Keras 3 call."""
    if depth > _MAX_DEPTH:
        raise _bad("inbound_nodes", "arguments that are not nested so deep", "more")
    if isinstance(value, list | tuple):
        for entry in value:
            yield from _keras_tensors(entry, depth + 1)
    elif isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__":
        yield _reference(_mapping(value.get("config"), "tensor").get("keras_history"))
    elif value is not None:
        raise _bad("inbound_nodes", "layers as arguments", value)


def _check_arguments(layer: str, arguments: object) -> None:
    """Refuse a call whose further arguments could change its result."""
    for key, value in _mapping(arguments or {}, "call arguments").items():
        if key not in _HARMLESS_ARGUMENTS or isinstance(value, Mapping | list):
            raise _bad(f"call of layer {layer}", "no further arguments", key)


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _bad(what, "a JSON object", value)
    return value


def _list(value: object) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise _bad("list of layers", "a JSON list", value)
    return value


def _bad(what: str, expected: str, received: object) -> ModelError:
    return ModelError(
        "keras.bad_config", what=what, expected=expected, received=repr(received)[:80]
    )
