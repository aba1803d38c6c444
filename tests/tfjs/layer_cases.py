"""Small Keras 3 models, one for each layer and option that matters in TensorFlow.js."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PICTURE = (9, 7, 3)


@dataclass(frozen=True)
class Case:
    model: Any
    inputs: list[NDArray]


class Cases:
    """Collects models by name; weights and inputs come from one seed."""

    def __init__(self, keras: Any) -> None:
        self.keras = keras
        self.layers = keras.layers
        self.rng = np.random.default_rng(7)
        self.found: dict[str, Case] = {}

    def chain(
        self,
        name: str,
        shape: tuple[int | None, ...],
        *layers: Any,
        dtype: str | None = None,
        inputs: Callable[[], NDArray] | None = None,
        trained: bool = False,
    ) -> None:
        model = self.keras.Sequential([self.keras.Input(shape, dtype=dtype), *layers])
        self.add(name, model, inputs=inputs, trained=trained)

    def graph(self, name: str, build: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
        sources = [self.keras.Input(shape) for shape in shapes]
        one_or_many = sources if len(sources) > 1 else sources[0]
        self.add(name, self.keras.Model(one_or_many, build(*sources)))

    def add(
        self,
        name: str,
        model: Any,
        *,
        inputs: Callable[[], NDArray] | None = None,
        trained: bool = False,
    ) -> None:
        if not trained:
            randomise(model, self.rng)
        arrays = [inputs()] if inputs else [self.uniform(i.shape[1:]) for i in model.inputs]
        self.found[name] = Case(model, arrays)

    def uniform(self, shape: tuple[int | None, ...]) -> NDArray:
        sizes = [5 if size is None else size for size in shape]
        return self.rng.uniform(-2, 2, (3, *sizes)).astype(np.float32)

    def integers(self, highest: int, *shape: int) -> Callable[[], NDArray]:
        return lambda: self.rng.integers(0, highest, shape).astype(np.int32)


def randomise(model: Any, rng: np.random.Generator) -> None:
    """Give every weight values that show a mistake: Keras starts biases and statistics flat."""
    for weight in model.weights:
        if np.asarray(weight).dtype.kind == "f":
            values = rng.normal(0, 0.4, weight.shape)
            if "variance" in weight.path:
                values = np.abs(values) + 0.3
            weight.assign(values.astype(np.float32))


def layer_cases(keras: Any) -> dict[str, Case]:
    """Return all cases; names that `REFUSED` lists are those that must not be written."""
    cases = Cases(keras)
    _activations(cases)
    _convolutions(cases)
    _one_dimensional(cases)
    _channels_first(cases)
    _pooling_and_shapes(cases)
    _normalisation(cases)
    _recurrent(cases)
    _masks(cases)
    _wrappers(cases)
    _merging(cases)
    _preprocessing(cases)
    _graphs(cases)
    return cases.found


def _activations(cases: Cases) -> None:
    layers = cases.layers
    names = (
        "elu gelu hard_sigmoid linear log_softmax mish relu relu6 selu sigmoid silu softmax "
        "softplus softsign tanh hard_silu leaky_relu log_sigmoid hard_tanh exponential celu"
    )
    for name in names.split():
        cases.chain(f"activation {name}", (5,), layers.Activation(name))
        cases.chain(f"dense {name}", (5,), layers.Dense(4, activation=name))
    cases.chain("relu", (5,), layers.ReLU())
    cases.chain("relu max", (5,), layers.ReLU(max_value=0.6))
    cases.chain("relu slope", (5,), layers.ReLU(negative_slope=0.1))
    cases.chain("relu threshold", (5,), layers.ReLU(threshold=0.3))
    cases.chain("relu threshold max", (5,), layers.ReLU(threshold=0.3, max_value=0.6))
    cases.chain(
        "relu everything", (5,), layers.ReLU(threshold=0.3, max_value=0.6, negative_slope=0.1)
    )
    cases.chain("leaky relu", (5,), layers.LeakyReLU(negative_slope=0.1))
    cases.chain("leaky relu default", (5,), layers.LeakyReLU())
    cases.chain("elu layer", (5,), layers.ELU())
    cases.chain("elu alpha", (5,), layers.ELU(alpha=0.5))
    cases.chain("prelu", (4, 5), layers.PReLU())
    cases.chain("prelu shared", PICTURE, layers.PReLU(shared_axes=[1, 2]))
    for axis in (-1, 1, 2, (1, 2)):
        cases.chain(f"softmax {axis}", (4, 5, 3), layers.Softmax(axis=axis))


def _convolutions(cases: Cases) -> None:
    layers = cases.layers
    for padding in ("valid", "same"):
        for strides in (1, 2, (2, 1)):
            one = strides if isinstance(strides, int) else strides[0]
            options = {"strides": strides, "padding": padding}
            equal = {"strides": one, "padding": padding, "depth_multiplier": 2}
            tag = f"{padding} {strides}"
            cases.chain(f"conv2d {tag}", PICTURE, layers.Conv2D(4, 3, activation="relu", **options))
            cases.chain(f"transpose {tag}", PICTURE, layers.Conv2DTranspose(4, 3, **options))
            cases.chain(f"transpose even {tag}", PICTURE, layers.Conv2DTranspose(4, 2, **options))
            if isinstance(strides, int):
                cases.chain(f"separable {tag}", PICTURE, layers.SeparableConv2D(4, 3, **equal))
                cases.chain(f"depthwise {tag}", PICTURE, layers.DepthwiseConv2D(3, **equal))
        for name, layer in (
            ("conv2d", layers.Conv2D(4, 3, dilation_rate=2, padding=padding)),
            ("depthwise", layers.DepthwiseConv2D(3, dilation_rate=2, padding=padding)),
            ("separable", layers.SeparableConv2D(4, 3, dilation_rate=2, padding=padding)),
            ("transpose", layers.Conv2DTranspose(4, 3, dilation_rate=2, padding=padding)),
        ):
            cases.chain(f"dilated {name} {padding}", PICTURE, layer)
        for strides in (1, 2):
            options = {"strides": strides, "padding": padding}
            tag = f"{padding} {strides}"
            cases.chain(f"conv3d {tag}", (5, 6, 4, 2), layers.Conv3D(3, 2, **options))
            cases.chain(
                f"transpose 3d {tag}", (3, 4, 4, 2), layers.Conv3DTranspose(3, 2, **options)
            )
    cases.chain("conv2d groups", (6, 6, 4), layers.Conv2D(6, 3, groups=2))
    cases.chain("conv3d dilated", (6, 6, 6, 2), layers.Conv3D(3, 2, dilation_rate=2))
    cases.chain("depthwise flat", PICTURE, layers.DepthwiseConv2D((3, 1), padding="same"))
    cases.chain("depthwise flat valid", PICTURE, layers.DepthwiseConv2D((3, 1)))
    cases.chain("depthwise even", PICTURE, layers.DepthwiseConv2D(2, padding="same"))
    cases.chain("separable flat", PICTURE, layers.SeparableConv2D(4, (1, 3), padding="same"))
    cases.chain(
        "conv any size", (None, None, 3), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()
    )


def _one_dimensional(cases: Cases) -> None:
    layers, shape = cases.layers, (8, 3)
    for padding in ("valid", "same"):
        for strides in (1, 2):
            options = {"strides": strides, "padding": padding}
            tag = f"{padding} {strides}"
            cases.chain(f"conv1d {tag}", shape, layers.Conv1D(4, 3, **options))
            cases.chain(f"transpose 1d {tag}", shape, layers.Conv1DTranspose(4, 3, **options))
            cases.chain(f"separable 1d {tag}", shape, layers.SeparableConv1D(4, 3, **options))
            cases.chain(f"depthwise 1d {tag}", shape, layers.DepthwiseConv1D(3, **options))
            cases.chain(f"max pool 1d {tag}", shape, layers.MaxPooling1D(2, **options))
            cases.chain(f"average pool 1d {tag}", shape, layers.AveragePooling1D(2, **options))
    cases.chain("conv1d groups", (6, 4), layers.Conv1D(6, 3, groups=2))
    cases.chain("conv1d causal", shape, layers.Conv1D(4, 3, padding="causal"))
    dilated = layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu")
    cases.chain("conv1d causal dilated", shape, dilated)
    cases.chain("conv1d dilated", shape, layers.Conv1D(4, 3, dilation_rate=2))
    cases.chain("pad 1d", shape, layers.ZeroPadding1D((1, 2)))
    cases.chain("pad 1d any", (None, 3), layers.ZeroPadding1D((1, 2)), layers.Conv1D(2, 3))
    cases.chain("crop 1d", shape, layers.Cropping1D((1, 2)))
    cases.chain("upsample 1d", shape, layers.UpSampling1D(3))


def _channels_first(cases: Cases) -> None:
    layers, shape, first = cases.layers, (3, 8, 8), {"data_format": "channels_first"}
    cases.chain("first conv2d", shape, layers.Conv2D(4, 3, **first))
    cases.chain("first max pool", shape, layers.MaxPooling2D(2, **first))
    cases.chain("first global", shape, layers.GlobalAveragePooling2D(**first))
    cases.chain("first pad", shape, layers.ZeroPadding2D(1, **first))
    cases.chain("first crop", shape, layers.Cropping2D(1, **first))
    cases.chain("first upsample", shape, layers.UpSampling2D(2, **first))
    cases.chain("first flatten", shape, layers.Flatten(**first))
    cases.chain("first separable", shape, layers.SeparableConv2D(4, 3, **first))


def _pooling_and_shapes(cases: Cases) -> None:
    layers = cases.layers
    for padding in ("valid", "same"):
        for strides in (1, 2, (2, 1)):
            options = {"strides": strides, "padding": padding}
            tag = f"{padding} {strides}"
            cases.chain(f"max pool {tag}", PICTURE, layers.MaxPooling2D(2, **options))
            cases.chain(f"average pool {tag}", PICTURE, layers.AveragePooling2D(3, **options))
        cases.chain(f"max 3d {padding}", (4, 4, 4, 2), layers.MaxPooling3D(2, padding=padding))
        cases.chain(f"mean 3d {padding}", (4, 4, 4, 2), layers.AveragePooling3D(2, padding=padding))
    for axes, shape in ((1, (8, 3)), (2, PICTURE)):
        for kind in ("Max", "Average"):
            for keepdims in (False, True):
                layer = getattr(layers, f"Global{kind}Pooling{axes}D")(keepdims=keepdims)
                cases.chain(f"global {kind} {axes} {keepdims}", shape, layer)
    cases.chain("global 3d", (2, 3, 4, 2), layers.GlobalAveragePooling3D())
    cases.chain("pad", PICTURE, layers.ZeroPadding2D(((1, 2), (0, 3))))
    cases.chain("crop", PICTURE, layers.Cropping2D(((1, 2), (0, 3))))
    cases.chain("pad 3d", (2, 3, 2, 2), layers.ZeroPadding3D(1))
    cases.chain("upsample", PICTURE, layers.UpSampling2D((2, 3)))
    cases.chain("upsample bilinear", PICTURE, layers.UpSampling2D(2, interpolation="bilinear"))
    cases.chain("flatten", PICTURE, layers.Flatten())
    cases.chain("flatten flat", (5,), layers.Flatten(), layers.Dense(3))
    cases.chain("reshape", (4, 6), layers.Reshape((2, 12)))
    cases.chain("reshape rest", (4, 6), layers.Reshape((-1, 3)), layers.Dense(2))
    cases.chain("permute", (4, 6, 2), layers.Permute((3, 1, 2)))
    cases.chain("repeat", (4,), layers.RepeatVector(3))
    for number, shape in enumerate(((5,), (4, 5), (2, 4, 5), (2, 2, 4, 5))):
        cases.chain(f"dense of {number}", shape, layers.Dense(3, activation="tanh"))
    cases.chain("dense without bias", (5,), layers.Dense(3, use_bias=False))


def _normalisation(cases: Cases) -> None:
    layers = cases.layers
    for axis in (-1, 1, 2):
        cases.chain(f"batch norm {axis}", PICTURE, layers.BatchNormalization(axis=axis))
    cases.chain("batch norm 2", (5,), layers.BatchNormalization())
    cases.chain("batch norm 3", (4, 5), layers.BatchNormalization(axis=1))
    cases.chain("batch norm 5", (2, 2, 2, 3), layers.BatchNormalization())
    cases.chain("batch norm bare", (4, 5), layers.BatchNormalization(center=False, scale=False))
    cases.chain("layer norm", (4, 5), layers.LayerNormalization(epsilon=1e-5))
    cases.chain("layer norm axes", (4, 5, 3), layers.LayerNormalization(axis=[1, 2]))
    cases.chain("layer norm first", (4, 5), layers.LayerNormalization(axis=1))
    cases.chain("layer norm uncentred", PICTURE, layers.LayerNormalization(center=False))
    cases.chain("layer norm 5", (2, 2, 2, 3), layers.LayerNormalization())
    data = cases.rng.normal(3, 2, (50, 5)).astype(np.float32)
    for axis in (-1, None):
        layer = layers.Normalization(axis=axis)
        layer.adapt(data)
        cases.chain(f"normalization {axis}", (5,), layer, layers.Dense(3), trained=True)
    given = layers.Normalization(mean=2.0, variance=3.0)
    cases.chain("normalization given", PICTURE, given, trained=True)


def _recurrent(cases: Cases) -> None:
    layers, shape = cases.layers, (6, 3)
    for name in ("LSTM", "GRU", "SimpleRNN"):
        make = getattr(layers, name)
        plain: dict[str, Any] = {"reset_after": False} if name == "GRU" else {}
        for sequences in (False, True):
            options = {"return_sequences": sequences, **plain}
            cases.chain(f"{name} {sequences}", shape, make(4, **options))
            cases.chain(f"{name} back {sequences}", shape, make(4, go_backwards=True, **options))
            for merge in ("concat", "sum", "ave", "mul"):
                layer = layers.Bidirectional(make(4, **options), merge_mode=merge)
                cases.chain(f"both {name} {sequences} {merge}", shape, layer)
        if name != "SimpleRNN":
            hard = {"recurrent_activation": "hard_sigmoid", **plain}
            cases.chain(f"{name} hard", shape, make(4, **hard))
            cases.chain(f"both {name} hard", shape, layers.Bidirectional(make(4, **hard)))
        cases.chain(f"{name} relu", shape, make(4, activation="relu", use_bias=False, **plain))
        cases.chain(f"{name} hard activation", shape, make(4, activation="hard_sigmoid", **plain))
        cases.chain(f"{name} linear", shape, make(4, activation=None, **plain))
        cases.chain(f"{name} any length", (None, 3), make(4, **plain))
    cases.chain("GRU reset after", shape, layers.GRU(4))
    for padding in ("valid", "same"):
        layer = layers.ConvLSTM2D(3, 3, padding=padding, return_sequences=True)
        cases.chain(f"conv lstm {padding}", (3, 6, 6, 2), layer)
    hard = layers.ConvLSTM2D(3, 2, recurrent_activation="hard_sigmoid")
    cases.chain("conv lstm hard", (3, 6, 6, 2), hard)


def _masks(cases: Cases) -> None:
    layers = cases.layers
    ids = cases.integers(5, 8, 6)

    def words(name: str, *rest: Any) -> None:
        cases.chain(
            f"mask {name}",
            (6,),
            layers.Embedding(5, 4, mask_zero=True),
            *rest,
            dtype="int32",
            inputs=ids,
        )

    words("lstm", layers.LSTM(3), layers.Dense(2))
    words("lstm all", layers.LSTM(3, return_sequences=True), layers.Dense(2))
    words("two", layers.Dropout(0.1), layers.LSTM(3, return_sequences=True), layers.LSTM(2))
    words("gru", layers.GRU(3, reset_after=False))
    words("flatten", layers.Flatten(), layers.Dense(2))
    words("conv", layers.Conv1D(2, 2), layers.GlobalMaxPooling1D())
    words("mean", layers.GlobalAveragePooling1D())
    words("both", layers.Bidirectional(layers.LSTM(3)))

    def padded() -> NDArray:
        values = cases.uniform((6, 3))
        values[:, 4:] = 0
        values[1, 0] = 0
        return values

    cases.chain("masking", (6, 3), layers.Masking(), layers.LSTM(3), inputs=padded)
    carried = [layers.Dense(4), layers.BatchNormalization(), layers.LayerNormalization()]
    carried += [layers.Activation("relu"), layers.SimpleRNN(3)]
    cases.chain("masking carried", (6, 3), layers.Masking(), *carried, inputs=padded)
    embed = layers.Embedding(10, 4)
    cases.chain("embedding", (6,), embed, dtype="int32", inputs=cases.integers(10, 3, 6))
    embed = layers.Embedding(10, 4)
    cases.chain("embedding 2d", (6, 2), embed, dtype="int32", inputs=cases.integers(10, 3, 6, 2))


def _wrappers(cases: Cases) -> None:
    layers, each = cases.layers, cases.layers.TimeDistributed
    cases.chain("each dense", (4, 5), each(layers.Dense(3)))
    cases.chain("each conv", (4, 6, 6, 2), each(layers.Conv2D(3, 3, activation="relu")))
    cases.chain("each norm", (4, 5), each(layers.BatchNormalization()))
    cases.chain("each flatten", (4, 3, 2), each(layers.Flatten()))
    cases.chain("each lstm", (3, 4, 5), each(layers.LSTM(2)))
    cases.chain("each pool", (4, 6, 6, 2), each(layers.GlobalAveragePooling2D()))
    cases.chain("each hard", (4, 5), each(layers.Dense(3, activation="hard_sigmoid")))
    for layer in (
        layers.Dropout(0.3),
        layers.SpatialDropout1D(0.3),
        layers.GaussianNoise(0.1),
        layers.GaussianDropout(0.3),
        layers.AlphaDropout(0.3),
        layers.ActivityRegularization(0.1),
    ):
        cases.chain(type(layer).__name__, (4, 5), layer, layers.Dense(2))
    cases.chain("SpatialDropout2D", PICTURE, layers.SpatialDropout2D(0.3))
    cases.chain("SpatialDropout3D", (2, 2, 2, 3), layers.SpatialDropout3D(0.3))


def _merging(cases: Cases) -> None:
    layers = cases.layers
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
        make = getattr(layers, name)
        cases.graph(name, lambda a, b, make=make: make()([a, b]), (4, 3), (4, 3))
        if name in ("Add", "Multiply", "Average"):
            cases.graph(f"{name} wide", lambda a, b, make=make: make()([a, b]), (4, 3), (1, 3))
            cases.graph(f"{name} ranks", lambda a, b, make=make: make()([a, b]), (4, 3), (3,))
    cases.graph("join first", lambda a, b: layers.Concatenate(axis=1)([a, b]), (4, 3), (2, 3))
    for name, axes, left, right in (
        ("dot", -1, (4,), (4,)),
        ("dot 21", (2, 1), (4, 3), (3, 5)),
        ("dot 22", (2, 2), (4, 3), (5, 3)),
        ("dot 11", (1, 1), (4, 3), (4, 5)),
        ("dot ranks", (2, 1), (4, 3), (3,)),
        ("dot 4", (3, 3), (2, 4, 3), (2, 5, 3)),
    ):
        cases.graph(name, lambda a, b, axes=axes: layers.Dot(axes)([a, b]), left, right)
    cases.graph("cosine", lambda a, b: layers.Dot(1, normalize=True)([a, b]), (4,), (4,))


def _preprocessing(cases: Cases) -> None:
    layers = cases.layers
    cases.chain("rescale", PICTURE, layers.Rescaling(1 / 127.5, -1))
    cases.chain("rescale channels", PICTURE, layers.Rescaling([1.0, 2.0, 3.0], [0.0, 0.1, 0.2]))
    cases.chain("resize", PICTURE, layers.Resizing(5, 5))
    cases.chain("resize same", PICTURE, layers.Resizing(9, 7))
    cases.chain("center crop", PICTURE, layers.CenterCrop(5, 4))
    cases.chain("random flip", PICTURE, layers.RandomFlip())
    for mode, count in (("one_hot", 1), ("multi_hot", 4), ("count", 4)):
        layer = layers.CategoryEncoding(6, output_mode=mode)
        ids = cases.integers(6, 3, count)
        cases.chain(f"category {mode}", (count,), layer, dtype="int32", inputs=ids)
    regularizers, initializers = cases.keras.regularizers, cases.keras.initializers
    wide = initializers.VarianceScaling(distribution="untruncated_normal")
    cases.chain(
        "training only",
        (5,),
        layers.Dense(
            3,
            kernel_regularizer=regularizers.L1(0.1),
            activity_regularizer="l2",
            kernel_initializer="lecun_normal",
            kernel_constraint="max_norm",
        ),
        layers.Dense(
            3,
            kernel_initializer=wide,
            kernel_regularizer=regularizers.OrthogonalRegularizer(),
        ),
        layers.Dense(2, kernel_initializer="orthogonal", bias_initializer="lecun_uniform"),
    )
    cases.chain("odd names", (5,), layers.Dense(2, name="_odd name"), layers.Dense(3, name="ok"))


def _graphs(cases: Cases) -> None:
    keras, layers = cases.keras, cases.layers
    shared = layers.Dense(4, activation="hard_sigmoid")
    cases.graph("shared", lambda a, b: layers.Concatenate()([shared(a), shared(b)]), (3,), (3,))
    inner = keras.Sequential(
        [keras.Input((5,)), layers.Dense(4, activation="hard_silu"), layers.Dense(3)]
    )
    cases.graph("nested", lambda a: layers.Dense(2)(inner(a)), (5,))
    cases.graph("nested twice", lambda a, b: layers.Add()([inner(a), inner(b)]), (5,), (5,))
    base = keras.Sequential([keras.Input((5,)), layers.Dense(4), layers.BatchNormalization()])
    cases.chain("nested chain", (5,), base, layers.Dense(2))
    cases.graph("states", lambda a: layers.LSTM(3, return_state=True)(a), (5, 2))
    cases.graph(
        "both apart", lambda a: layers.Bidirectional(layers.LSTM(3), merge_mode=None)(a), (5, 2)
    )

    def encoder_decoder(a: Any, b: Any) -> Any:
        _, *states = layers.LSTM(3, return_state=True)(a)
        return layers.LSTM(3)(b, initial_state=states)

    cases.graph("encoder decoder", encoder_decoder, (5, 2), (4, 2))
    cases.graph(
        "two outputs",
        lambda a: [layers.Dense(3)(a), layers.Dense(2, activation="leaky_relu")(a)],
        (5,),
    )

    def squeeze_excite(a: Any) -> Any:
        x = layers.Conv2D(4, 3, padding="same", use_bias=False)(a)
        x = layers.Activation("hard_silu")(layers.BatchNormalization()(x))
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(4, 1, activation="hard_sigmoid")(gate)
        x = layers.Add()([layers.Multiply()([x, gate]), layers.Conv2D(4, 1)(a)])
        return layers.Dense(3)(layers.Flatten()(x))

    cases.graph("squeeze excite", squeeze_excite, (8, 8, 3))
