"""Replace layers of a model by others, in Sequential, Functional and nested models alike."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from core.errors import Note
from core.tfjs.model import Config, LayersModel, Weight, is_model
from core.tfjs.shapes import CallShapes, Shape, infer_shapes, model_input_shapes

__all__ = ["Call", "Refusal", "Rule", "Step", "rewrite_layers", "to_functional"]


@dataclass(frozen=True)
class Call:
    """A layer as a rule sees it.

    Parameters
    ----------
    class_name : str
    config : dict
        A copy that the rule may change.
    inputs : tuple of (tuple of (int or None)) or None
        Shapes of the inputs, batch first.
    weights : mapping of str to ndarray
        By what follows the layer's name, such as ``"kernel"`` or ``"forward_lstm/bias"``.
    """

    class_name: str
    config: Config
    inputs: tuple[Shape | None, ...] = ()
    weights: Mapping[str, Weight] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The layer's name."""
        return str(self.config.get("name", ""))


@dataclass(frozen=True)
class Step:
    """One of the layers that take another's place.

    Parameters
    ----------
    class_name : str
    config : dict
        Without a name.
    inputs : tuple of int
        What it reads: ``0, 1, ...`` the inputs of the layer that is replaced, ``-1, -2, ...`` the
        first, the second ... step. ``None``: all inputs of the layer that is replaced.
    suffix : str
        Added to the old name; at most one step has none and so keeps the name.
    weights : mapping of str to ndarray
        By variable name.
    """

    class_name: str
    config: Config
    inputs: tuple[int, ...] | None = None
    suffix: str = ""
    weights: Mapping[str, Weight] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """A layer that a rule cannot express, and why."""

    note: Note


Rule: TypeAlias = Callable[[Call], "Sequence[Step] | Refusal | None"]


def rewrite_layers(model: LayersModel, rule: Rule) -> tuple[LayersModel, tuple[Note, ...]]:
    """Apply a rule to every layer that is no model.

    Parameters
    ----------
    model : LayersModel
    rule : callable
        Takes a :class:`Call`; returns the steps that replace the layer, at least one,
        ``None`` to keep it, or a :class:`Refusal`.

    Returns
    -------
    rewritten : LayersModel
        A new model; layers that are kept are copied as they are.
    refusals : tuple of Note
        Every layer that was refused; the model is not complete if there are any.
    """
    rewriter = _Rewriter(model, rule)
    topology = rewriter.model(copy.deepcopy(model.topology))
    return replace(model, topology=topology, weights=rewriter.weights), tuple(rewriter.refusals)


class _Rewriter:
    def __init__(self, model: LayersModel, rule: Rule) -> None:
        self.rule = rule
        self.shapes = infer_shapes(model.topology)
        self.names = _all_names(model.topology)
        self.refusals: list[Note] = []
        self.source_weights = model.weights
        self.by_layer: dict[str, dict[str, Weight]] = {}
        for name, weight in model.weights.items():
            layer, _, variable = name.partition("/")
            self.by_layer.setdefault(layer, {})[variable] = weight
        self.replaced: dict[str, dict[str, Weight]] = {}

    @property
    def weights(self) -> dict[str, Weight]:
        """All weights in the old order, those of new layers behind the layer they come from."""
        weights: dict[str, Weight] = {}
        done: set[str] = set()
        for name, weight in self.source_weights.items():
            layer = name.partition("/")[0]
            if layer not in self.replaced:
                weights[name] = weight
            elif layer not in done:
                done.add(layer)
                weights.update(self.replaced[layer])
        for layer, new in self.replaced.items():
            if layer not in done:
                weights.update(new)
        return weights

    def model(self, topology: Config) -> Config:
        layers = topology["config"]["layers"]
        results: list[Sequence[Step] | None] = []
        for layer in layers:
            results.append(None if is_model(layer) else self._apply(layer))
            if is_model(layer):
                layer.update(self.model(layer))
        if topology["class_name"] == "Sequential":
            if all(steps is None or _is_chain(steps) for steps in results):
                return self._sequential(topology, results)
            topology = to_functional(topology)
            layers = topology["config"]["layers"]
        return self._functional(topology, layers, results)

    def _apply(self, layer: Config) -> Sequence[Step] | None:
        name = layer["config"].get("name", "")
        calls = self.shapes.get(name) or [CallShapes((), ())]
        weights = self.by_layer.get(name, {})
        call = Call(layer["class_name"], copy.deepcopy(layer["config"]), calls[0].inputs, weights)
        steps = self.rule(call)
        if isinstance(steps, Refusal):
            self.refusals.append(steps.note)
            return None
        if steps is not None:
            self.replaced[name] = {}
        return steps

    def _make(self, name: str, steps: Sequence[Step]) -> list[tuple[str, Config]]:
        made = []
        for step in steps:
            step_name = name + step.suffix
            while step.suffix and step_name in self.names:
                step_name += "_"
            self.names.add(step_name)
            made.append(
                (
                    step_name,
                    {
                        "class_name": step.class_name,
                        "config": {**step.config, "name": step_name},
                    },
                )
            )
            for variable, weight in step.weights.items():
                self.replaced[name][f"{step_name}/{variable}"] = weight
        return made

    def _sequential(self, topology: Config, results: list[Sequence[Step] | None]) -> Config:
        layers: list[Config] = []
        for layer, steps in zip(topology["config"]["layers"], results, strict=True):
            if steps is None:
                layers.append(layer)
            else:
                layers.extend(made for _, made in self._make(layer["config"]["name"], steps))
        return {**topology, "config": {**topology["config"], "layers": layers}}

    def _functional(
        self, topology: Config, layers: list[Config], results: list[Sequence[Step] | None]
    ) -> Config:
        moved: dict[tuple[str, int], _Reference] = {}
        entries: list[Config] = []
        for layer, steps in zip(layers, results, strict=True):
            nodes = [[_read(reference) for reference in node] for node in _nodes(layer)]
            if steps is None:
                entries.append({**layer, "inbound_nodes": nodes})
                continue
            name = layer["config"]["name"]
            made = self._make(name, steps)
            for step, (step_name, entry) in zip(steps, made, strict=True):
                step_nodes = [
                    node
                    if step.inputs is None
                    else [
                        node[source] if source >= 0 else _Reference(made[-1 - source][0], index)
                        for source in step.inputs
                    ]
                    for index, node in enumerate(nodes)
                ]
                entries.append({**entry, "name": step_name, "inbound_nodes": step_nodes})
            for index in range(len(nodes)):
                moved[name, index] = _Reference(made[-1][0], index)

        def resolve(reference: _Reference) -> list[Any]:
            if reference.old and (reference.name, reference.node) in moved:
                target = moved[reference.name, reference.node]
                reference = replace(target, tensor=reference.tensor)
            return [reference.name, reference.node, reference.tensor, {}]

        for entry in entries:
            entry["inbound_nodes"] = [
                [resolve(reference) for reference in node] for node in entry["inbound_nodes"]
            ]
        ends = {
            key: [resolve(_read(reference))[:3] for reference in topology["config"][key]]
            for key in ("input_layers", "output_layers")
        }
        return {**topology, "config": {**topology["config"], "layers": entries, **ends}}


@dataclass(frozen=True)
class _Reference:
    """An output of a call of a layer; ``old`` if it names a layer as it was before."""

    name: str
    node: int
    tensor: int = 0
    old: bool = False


def _read(reference: Sequence[Any]) -> _Reference:
    return _Reference(str(reference[0]), int(reference[1]), int(reference[2]), old=True)


def _nodes(layer: Config) -> list[list[Any]]:
    nodes: list[list[Any]] = layer.get("inbound_nodes") or []
    return nodes


def _is_chain(steps: Sequence[Step]) -> bool:
    return all(
        step.inputs is None or step.inputs == ((-index,) if index else (0,))
        for index, step in enumerate(steps)
    )


def _all_names(topology: Config) -> set[str]:
    names = set()
    for layer in topology["config"]["layers"]:
        names.add(str(layer["config"].get("name")))
        if is_model(layer):
            names |= _all_names(layer)
    return names


def to_functional(topology: Config) -> Config:
    """Return a Sequential model as the Functional one that computes the same."""
    config = topology["config"]
    layers: list[Config] = []
    if config["layers"] and is_model(config["layers"][0]):
        # The input that a Sequential takes over from the model it starts with.
        _, shape, dtype = model_input_shapes(topology)[0]
        name = f"{config.get('name', 'sequential')}_input"
        entry = {"name": name, "batch_input_shape": shape and list(shape), "dtype": dtype}
        layers.append(
            {"class_name": "InputLayer", "name": name, "config": entry, "inbound_nodes": []}
        )
    for layer in config["layers"]:
        name = layer["config"]["name"]
        nodes = [[[layers[-1]["name"], 0, 0, {}]]] if layers else []
        layers.append({**layer, "name": name, "inbound_nodes": nodes})
    return {
        **topology,
        "class_name": "Functional",
        "config": {
            **config,
            "layers": layers,
            "input_layers": [[layers[0]["name"], 0, 0]],
            "output_layers": [[layers[-1]["name"], 0, 0]],
        },
    }
