"""The layers, activations and initialisers that a model may name.

What is not here is refused: a file that is not trusted never chooses which code runs.
"""

from __future__ import annotations

__all__ = ["ACTIVATIONS", "INITIALIZERS", "LAYERS", "LAYERS_THAT_RUN_CODE", "REGULARIZERS"]

_TFJS_LAYERS = """
Activation Add AlphaDropout Average AveragePooling1D AveragePooling2D AveragePooling3D
BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate Conv1D Conv2D
Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM2D Cropping2D Dense DepthwiseConv2D Dot Dropout ELU
Embedding Flatten GRU GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D
GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D InputLayer LSTM LSTMCell
LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum
Multiply PReLU Permute RNN RandomWidth ReLU RepeatVector Rescaling Reshape Resizing SeparableConv2D
SimpleRNN SimpleRNNCell Softmax SpatialDropout1D StackedRNNCells ThresholdedReLU TimeDistributed
UpSampling2D ZeroPadding2D
"""
# TensorFlow.js has none of these; the writers strip them, rewrite them or name them.
_KERAS_LAYERS = """
ActivityRegularization Conv1DTranspose Cropping1D Cropping3D DepthwiseConv1D GlobalAveragePooling3D
GlobalMaxPooling3D GroupNormalization Normalization RandomBrightness RandomContrast RandomCrop
RandomFlip RandomHeight RandomRotation RandomTranslation RandomZoom SeparableConv1D
SpatialDropout2D SpatialDropout3D Subtract UnitNormalization UpSampling1D UpSampling3D
ZeroPadding1D ZeroPadding3D
"""
LAYERS = frozenset(_TFJS_LAYERS.split()) | frozenset(_KERAS_LAYERS.split())

# Named apart, so that the message can say why.
LAYERS_THAT_RUN_CODE = frozenset(
    (
        "FlaxLayer",
        "JaxLayer",
        "Lambda",
        "SlicingOpLambda",
        "TFOpLambda",
        "TFSMLayer",
        "TensorFlowOpLayer",
        "TorchModuleWrapper",
    )
)

_ACTIVATIONS = """
celu elu exponential gelu gelu_new glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu
linear log_sigmoid log_softmax mish relu relu6 selu sigmoid soft_shrink softmax softplus softsign
sparse_plus sparsemax squareplus swish tanh tanh_shrink threshold
"""
ACTIVATIONS = frozenset(_ACTIVATIONS.split())

_INITIALIZERS = """
Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LeCunNormal LeCunUniform Ones
Orthogonal RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros
"""
INITIALIZERS = frozenset(_INITIALIZERS.split())

REGULARIZERS = frozenset(("L1", "L2", "L1L2", "OrthogonalRegularizer"))
