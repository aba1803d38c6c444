from __future__ import annotations

import copy

import numpy as np
import pytest

from core.errors import ModelError
from core.tfjs.repair import (
    current_class_name,
    explicit_input_layer,
    model_config_of,
    names_of_bidirectional,
    plain_input_shape,
    repair_layer,
    repair_topology,
    sequential_as_dict,
    without_inner_input_shape,
)
from core.tfjs.repair_graph import first_calls, nested_nodes, tensor_list
from core.tfjs.repair_keras1 import (
    keras1_arguments,
    keras1_class_name,
    keras1_merge,
    keras1_time_distributed_dense,
    keras1_weights,
)
from core.tfjs.repair_settings import (
    axis_number,
    clean_initializer,
    depthwise_leftovers,
    leaky_relu_alpha,
    plain_activation,
    plain_dtype,
    plain_regularizer,
    recurrent_leftovers,
    without_serialization_keys,
)


def layer(class_name, name="layer", **config):
    return {"class_name": class_name, "config": {"name": name, **config}}


def keras_tensor(name, node=0, tensor=0):
    config = {"shape": [None, 3], "dtype": "float32", "keras_history": [name, node, tensor]}
    return {"class_name": "__keras_tensor__", "config": config}


INPUT = layer("InputLayer", "in", batch_input_shape=[None, 3])


def test_the_model_is_found_under_both_wrappers():
    model = layer("Sequential")
    assert model_config_of({"modelTopology": {"model_config": model}}) is model
    assert model_config_of({"modelTopology": model}) is model
    assert model_config_of(model) is model


def test_a_sequential_list_becomes_a_dict():
    assert sequential_as_dict([1, 2]) == {"layers": [1, 2]}
    assert sequential_as_dict({"layers": []}) == {"layers": []}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("BatchNormalizationV1", "BatchNormalization"),
        ("BatchNormalizationV2", "BatchNormalization"),
        ("UnifiedLSTM", "LSTM"),
        ("UnifiedGRU", "GRU"),
        ("LSTMV2", "LSTM"),
        ("Model", "Functional"),
        ("Convolution2D", "Conv2D"),
        ("keras>ReLU", "ReLU"),
        ("mine>ReLU", "mine>ReLU"),
        ("Conv2D", "Conv2D"),
        ("GlobalAveragePooling1D", "GlobalAveragePooling1D"),
    ],
)
def test_class_names_are_todays(old, new):
    assert current_class_name(old) == new


def test_keys_for_keras_own_loader_go():
    config = {
        "module": "keras.layers",
        "registered_name": None,
        "build_config": {},
        "optional": False,
        "ragged": False,
        "quantization_config": None,
        "units": 2,
    }
    assert without_serialization_keys(config) == {"units": 2}


@pytest.mark.parametrize(
    ("dtype", "plain", "noted"),
    [
        ({"class_name": "DTypePolicy", "config": {"name": "float32"}}, "float32", False),
        ({"class_name": "Policy", "config": {"name": "mixed_float16"}}, "float32", True),
        ("float16", "float32", True),
        ("float64", "float32", False),
        ("int64", "int32", False),
        ("int32", "int32", False),
        (None, "float32", False),
    ],
)
def test_a_dtype_becomes_a_plain_name(dtype, plain, noted):
    notices = {}
    assert plain_dtype({"dtype": dtype}, notices) == {"dtype": plain}
    assert bool(notices) is noted
    assert plain_dtype({}) == {}


def test_the_input_shape_has_its_keras_2_name():
    assert plain_input_shape({"batch_shape": [None, 3]}) == {"batch_input_shape": [None, 3]}
    assert plain_input_shape({"input_dtype": "int32"}) == {"dtype": "int32"}


def test_the_first_layers_shape_becomes_an_input_layer():
    dense = layer("Dense", "d", batch_input_shape=[None, 8], dtype="float32")
    first, second = explicit_input_layer([dense])
    assert first == layer(
        "InputLayer", "d_input", batch_input_shape=[None, 8], dtype="float32", sparse=False
    )
    assert second == layer("Dense", "d", dtype="float32")


def test_an_input_layer_that_is_there_stays_alone():
    assert explicit_input_layer([INPUT, layer("ReLU")]) == [INPUT, layer("ReLU")]


def test_a_nested_model_lends_its_input_shape():
    inner = {"class_name": "Sequential", "config": {"name": "inner", "layers": [INPUT]}}
    first, second = explicit_input_layer([inner])
    assert first["config"]["batch_input_shape"] == [None, 3]
    assert second is inner


def test_a_layer_behind_an_input_layer_loses_its_shape():
    assert without_inner_input_shape(layer("Dense", batch_input_shape=[None, 8])) == layer("Dense")
    assert without_inner_input_shape(INPUT) is INPUT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"class_name": "VarianceScaling", "config": {"scale": 1.0, "dtype": "float32"}},
            {"class_name": "VarianceScaling", "config": {"scale": 1.0}},
        ),
        (
            {
                "module": "keras.initializers",
                "class_name": "GlorotUniform",
                "config": {"seed": None, "input_axes": None},
                "registered_name": None,
            },
            {"class_name": "GlorotUniform", "config": {"seed": None}},
        ),
        ("glorot_uniform", {"class_name": "GlorotUniform", "config": {}}),
        ("zero", {"class_name": "Zeros", "config": {}}),
        ("uniform", {"class_name": "RandomUniform", "config": {}}),
        (
            {"class_name": "LecunNormal", "config": {}},
            {"class_name": "LeCunNormal", "config": {}},
        ),
        ({"class_name": "ZerosV2", "config": {}}, {"class_name": "Zeros", "config": {}}),
        (
            {"class_name": "Zeros", "config": {"seed": {"class_name": "SeedGenerator"}}},
            {"class_name": "Zeros", "config": {}},
        ),
        (
            {"class_name": "VarianceScaling", "config": {"distribution": "untruncated_normal"}},
            {"class_name": "VarianceScaling", "config": {"distribution": "normal"}},
        ),
        (None, None),
    ],
)
def test_initialisers_are_those_of_tensorflow_js(old, new):
    assert clean_initializer(old) == new


def test_an_unknown_initialiser_becomes_zeros_with_a_notice():
    notices = {}
    cleaned = clean_initializer({"class_name": "Mine", "config": {"a": 1}}, notices)
    assert cleaned == {"class_name": "Zeros", "config": {}}
    assert "Mine" in notices["initializer"].message


def test_penalties_stay_and_constraints_go():
    l2 = {"class_name": "L2", "config": {"l2": 0.5}, "module": "keras.regularizers"}
    assert plain_regularizer(l2) == {"class_name": "L2", "config": {"l2": 0.5}}
    assert plain_regularizer({"class_name": "MaxNorm", "config": {}}) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("silu", "swish"),
        ("relu6", "relu6"),
        ("hard_swish", "hard_silu"),
        ({"module": "builtins", "class_name": "function", "config": "relu6"}, "relu6"),
        (None, None),
    ],
)
def test_activations_are_plain_names(old, new):
    assert plain_activation(old, "a") == new


def test_a_custom_relu6_layer_becomes_the_activation_relu6():
    old = layer("Activation", activation="relu6")
    assert repair_layer(old) == old


def test_the_axis_of_a_normalisation_is_a_number():
    assert axis_number("BatchNormalization", {"axis": [3]}) == {"axis": 3}
    assert axis_number("LayerNormalization", {"axis": [1, 2]}) == {"axis": [1, 2]}
    assert axis_number("Concatenate", {"axis": 1}) == {"axis": 1}


def test_a_depthwise_convolution_drops_what_it_inherited():
    config = {"groups": 1, "filters": None, "kernel_initializer": {}, "kernel_size": [3, 3]}
    assert depthwise_leftovers("DepthwiseConv2D", config) == {"kernel_size": [3, 3]}
    assert depthwise_leftovers("Conv2D", config) == config


def test_the_slope_of_leaky_relu_is_alpha():
    assert leaky_relu_alpha("LeakyReLU", {"negative_slope": 0.1}) == {"alpha": 0.1}
    assert leaky_relu_alpha("ReLU", {"negative_slope": 0.1}) == {"negative_slope": 0.1}
    array = {"type": "ndarray", "value": 0.25}
    assert leaky_relu_alpha("LeakyReLU", {"alpha": array}) == {"alpha": 0.25}


def test_recurrent_layers_lose_what_tensorflow_js_lacks():
    config = {"units": 2, "time_major": False, "zero_output_for_mask": False}
    assert recurrent_leftovers("LSTM", config) == {"units": 2}
    with pytest.raises(ModelError, match="first axis"):
        recurrent_leftovers("GRU", {"time_major": True})


def test_bidirectional_has_one_layer_under_its_own_name():
    forward = layer("LSTM", "forward_x", units=2, go_backwards=False)
    backward = layer("LSTM", "backward_x", units=2, go_backwards=True)
    config = names_of_bidirectional(
        "Bidirectional", {"name": "b", "layer": forward, "backward_layer": backward}
    )
    assert config == {"name": "b", "layer": layer("LSTM", "x", units=2, go_backwards=False)}


def test_a_list_of_cells_becomes_stacked_cells():
    repaired = repair_layer(layer("RNN", cell=[layer("LSTMCell", "a", units=2)]))
    assert repaired["config"]["cell"]["class_name"] == "StackedRNNCells"
    assert repaired["config"]["cell"]["config"]["cells"][0]["config"]["units"] == 2


def test_calls_of_keras_3_become_nested_lists():
    nodes = [
        {"args": [[keras_tensor("a"), keras_tensor("b", 1, 2)]], "kwargs": {"mask": [None]}},
        {"args": [keras_tensor("c")], "kwargs": {"training": True, "mask": None}},
    ]
    nodes[0]["kwargs"] = {"mask": None, "training": False}
    assert nested_nodes(nodes, layer("Add")) == [
        [["a", 0, 0, {}], ["b", 1, 2, {}]],
        [["c", 0, 0, {"training": True}]],
    ]


def test_initial_states_become_further_inputs():
    node = {"args": [keras_tensor("x")], "kwargs": {"initial_state": [keras_tensor("h")]}}
    assert nested_nodes([node], layer("GRU")) == [[["x", 0, 0, {}], ["h", 0, 0, {}]]]


def test_a_call_with_a_level_of_lists_left_out_is_read():
    assert nested_nodes([["a", 0, 0]], layer("ReLU")) == [[["a", 0, 0, {}]]]
    assert nested_nodes(None, layer("InputLayer")) == []


def test_ends_are_a_list_of_lists():
    assert tensor_list(["a", 0, 0], "k") == [["a", 0, 0]]
    assert tensor_list([["a", 0, 0], ["b", 0, 1]], "k") == [["a", 0, 0], ["b", 0, 1]]
    assert tensor_list({"x": ["a", 0, 0]}, "k") == [["a", 0, 0]]


def graph(node):
    return {
        "class_name": "Functional",
        "config": {
            "name": "g",
            "layers": [
                {**INPUT, "inbound_nodes": []},
                {**layer("Dense", "d"), "inbound_nodes": [[["in", 0, 0, {}]]]},
            ],
            "input_layers": [["in", 0, 0]],
            "output_layers": [["d", node, 0]],
        },
    }


def test_calls_are_numbered_from_zero():
    assert first_calls(graph(1)) == graph(0)
    assert first_calls(graph(0)) == graph(0)


def test_the_numbers_of_a_shared_layer_stay():
    shared = graph(1)
    shared["config"]["layers"][1]["inbound_nodes"] *= 2
    assert first_calls(shared) == shared


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            {"nb_filter": 8, "nb_row": 3, "nb_col": 5, "border_mode": "same", "init": "normal"},
            {
                "filters": 8,
                "padding": "same",
                "kernel_initializer": "normal",
                "kernel_size": [3, 5],
            },
        ),
        (
            {"subsample": [2, 2], "dim_ordering": "tf", "bias": True},
            {"strides": [2, 2], "data_format": "channels_last", "use_bias": True},
        ),
        ({"output_dim": 4, "input_dim": 9}, {"units": 4}),
        ({"inner_activation": "hard_sigmoid"}, {"recurrent_activation": "hard_sigmoid"}),
    ],
)
def test_arguments_of_keras_1_have_todays_names(old, new):
    assert keras1_arguments("Dense", old) == new


def test_keras_1_knew_dropout_and_embedding_by_other_names():
    assert keras1_arguments("SpatialDropout2D", {"p": 0.5}) == {"rate": 0.5}
    embedding = {"input_dim": 5, "output_dim": 2}
    assert keras1_arguments("Embedding", embedding) == embedding
    assert keras1_class_name("Convolution1D") == "Conv1D"
    assert keras1_time_distributed_dense("TimeDistributedDense", {})[0] == "Dense"


def test_merge_becomes_the_class_for_its_mode():
    config = {"name": "m", "mode": "concat", "concat_axis": 1}
    assert keras1_merge("Merge", config) == ("Concatenate", {"name": "m", "axis": 1})
    assert keras1_merge("Merge", {"name": "m", "mode": "sum"}) == ("Add", {"name": "m"})
    assert keras1_merge("Dense", config) == ("Dense", config)


def test_gates_of_keras_1_become_one_matrix():
    # In the file: input, cell, forget, output; today: input, forget, cell, output.
    stored = {}
    for number, gate in enumerate("icfo"):
        stored[f"lstm_W_{gate}"] = np.full((3, 2), number)
        stored[f"lstm_U_{gate}"] = np.full((2, 2), 10 + number)
        stored[f"lstm_b_{gate}"] = np.full(2, 20 + number)
    joined = keras1_weights(layer("LSTM"), stored)
    assert joined["kernel"][0].tolist() == [0, 0, 2, 2, 1, 1, 3, 3]
    assert joined["recurrent_kernel"].shape == (2, 8)
    assert joined["bias"].tolist() == [20, 20, 22, 22, 21, 21, 23, 23]


def test_the_kernel_of_a_keras_1_conv1d_loses_its_side_of_one():
    stored = {"c_W": np.zeros((5, 1, 3, 2)), "c_b": np.zeros(2)}
    assert keras1_weights(layer("Conv1D"), stored)["c_W"].shape == (5, 3, 2)


def test_repairing_changes_neither_its_input_nor_a_repaired_model():
    model = {
        "class_name": "Sequential",
        "config": [
            layer("Conv2D", "c", batch_input_shape=[None, 8, 8, 3], activation="silu"),
            layer("BatchNormalizationV1", "b", axis=[3]),
        ],
    }
    before = copy.deepcopy(model)
    repaired, _ = repair_topology(model)
    assert model == before
    assert repair_topology(repaired)[0] == repaired
    assert [entry["class_name"] for entry in repaired["config"]["layers"]] == [
        "InputLayer",
        "Conv2D",
        "BatchNormalization",
    ]
