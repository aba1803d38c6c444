"""How the layers of a Functional model are joined, from any era's notation to nested lists."""

from __future__ import annotations

from typing import Any

from core.errors import ModelError
from core.tfjs.model import Config

__all__ = ["first_calls", "nested_nodes", "repair_graph", "tensor_list"]

Reference = list[Any]  # [layer, node, tensor] or [layer, node, tensor, kwargs]
_TENSOR_CLASS = "__keras_tensor__"


def repair_graph(model: Config) -> Config:
    """Return a Functional model whose joints are in the canonical form.

    Raises
    ------
    ModelError
        If a joint refers to a layer that is not there, or passes what no layers model can.
    """
    config = model["config"]
    layers = [
        {**layer, "inbound_nodes": nested_nodes(layer.get("inbound_nodes"), layer)}
        for layer in config["layers"]
    ]
    config = {
        **config,
        "layers": layers,
        "input_layers": tensor_list(config.get("input_layers"), "input_layers"),
        "output_layers": tensor_list(config.get("output_layers"), "output_layers"),
    }
    return first_calls({**model, "config": config})


def nested_nodes(nodes: object, layer: Config) -> list[list[Reference]]:
    """Return ``inbound_nodes`` as a list of calls, each a list of ``[layer, node, tensor, {}]``.

    Keras 3 writes each call as ``{"args", "kwargs"}`` with tensors as objects; some versions of
    tf.keras leave one level of lists out.
    """
    if nodes is None:
        return []
    if not isinstance(nodes, list):
        raise _bad_joint(layer, nodes)
    calls = []
    for node in nodes:
        if isinstance(node, dict):
            calls.append(_keras3_call(node, layer))
        elif isinstance(node, list) and node and isinstance(node[0], str):
            calls.append([_reference(node, layer)])
        elif isinstance(node, list) and node:
            calls.append([_reference(item, layer) for item in node])
        else:
            raise _bad_joint(layer, node)
    return calls


def _keras3_call(node: Config, layer: Config) -> list[Reference]:
    args, kwargs = node.get("args"), node.get("kwargs", {})
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise _bad_joint(layer, node)
    references = _keras3_tensors(args, layer)
    rest = {}
    for key, value in kwargs.items():
        if _is_silent(value):
            continue
        if key in ("initial_state", "inputs"):
            # TensorFlow.js takes states as further inputs of the layer.
            references.extend(_keras3_tensors(value, layer))
        elif key == "training" and value is True:
            rest[key] = True
        else:
            raise ModelError("model_file.call_argument", layer=_name(layer), argument=key[:40])
    if not references:
        raise _bad_joint(layer, node)
    return [[*reference, dict(rest)] for reference in references]


def _keras3_tensors(value: Any, layer: Config) -> list[Reference]:
    if isinstance(value, list):
        return [tensor for item in value for tensor in _keras3_tensors(item, layer)]
    if value is None:
        return []
    config = value.get("config") if isinstance(value, dict) else None
    if (
        not isinstance(value, dict)
        or value.get("class_name") != _TENSOR_CLASS
        or not isinstance(config, dict)
    ):
        raise ModelError("model_file.call_argument", layer=_name(layer), argument=repr(value)[:40])
    return [_reference(config.get("keras_history"), layer)[:3]]


def _reference(value: Any, layer: Config) -> Reference:
    kwargs = value[3] if isinstance(value, list) and len(value) > 3 else {}
    if (
        not isinstance(value, list)
        or len(value) not in (3, 4)
        or not isinstance(value[0], str)
        or type(value[1]) is not int
        or type(value[2]) is not int
        or min(value[1:3]) < 0
        or not isinstance(kwargs, dict)
    ):
        raise _bad_joint(layer, value)
    passed = {key: item for key, item in kwargs.items() if not _is_silent(item)}
    for key, item in passed.items():
        if key != "training" or item is not True:
            raise ModelError("model_file.call_argument", layer=_name(layer), argument=key[:40])
    return [*value[:3], passed]


def tensor_list(value: object, key: str) -> list[Reference]:
    """Return ``input_layers`` or ``output_layers`` as a list of ``[layer, node, tensor]``.

    Keras 3 leaves the outer list out when there is one, and writes a dict for named ones.
    """
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and value and isinstance(value[0], str):
        value = [value]
    if not isinstance(value, list) or not value:
        raise ModelError("model_file.graph_ends", key=key, value=repr(value)[:80])
    layer = {"config": {"name": key}}
    return [_reference(item, layer)[:3] for item in value]


def first_calls(model: Config) -> Config:
    """Number the calls of every layer from 0.

    A model that was nested, or built as part of another one, refers to a layer's second call
    although only that one is written.

    Raises
    ------
    ModelError
        If a reference names a layer that is not there, or a call that was not written.
    """
    config = model["config"]
    counts = {
        layer["config"]["name"]: max(1, len(layer["inbound_nodes"])) for layer in config["layers"]
    }
    references = [
        reference
        for layer in config["layers"]
        for call in layer["inbound_nodes"]
        for reference in call
    ]
    references += [*config["input_layers"], *config["output_layers"]]
    used: dict[str, set[int]] = {}
    for name, node, *_ in references:
        if name not in counts:
            raise ModelError("model_file.layer_unknown_input", name=name[:80])
        used.setdefault(name, set()).add(node)
    numbers: dict[tuple[str, int], int] = {}
    for name, nodes in used.items():
        if max(nodes) < counts[name]:
            numbers.update({(name, node): node for node in nodes})
        elif len(nodes) <= counts[name]:
            numbers.update({(name, node): i for i, node in enumerate(sorted(nodes))})
        else:
            raise ModelError("model_file.layer_unknown_input", name=name[:80])

    def numbered(reference: Reference) -> Reference:
        return [reference[0], numbers[reference[0], reference[1]], *reference[2:]]

    layers = [
        {**layer, "inbound_nodes": [[numbered(r) for r in call] for call in layer["inbound_nodes"]]}
        for layer in config["layers"]
    ]
    ends = {key: [numbered(r) for r in config[key]] for key in ("input_layers", "output_layers")}
    return {**model, "config": {**config, "layers": layers, **ends}}


def _name(layer: Config) -> str:
    return str(layer["config"].get("name"))[:80]


def _bad_joint(layer: Config, value: object) -> ModelError:
    return ModelError("model_file.joint", layer=_name(layer), value=repr(value)[:80])


def _is_silent(value: object) -> bool:
    # An absent mask and the default of training say nothing.
    return value is None or value is False
