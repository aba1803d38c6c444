"""Networks written as LiteRT (TensorFlow Lite) files, without TensorFlow.

The format is the FlatBuffers schema that ``ai_edge_litert`` ships; only float32 is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from core.errors import ModelError
from core.inference.fold import fold_batch_norms
from core.inference.lowering import lower
from core.inference.network import Network
from core.inference.node import Shape

__all__ = ["FlatbufferWriter", "to_litert"]

_SCHEMA_VERSION = 3
_FILE_IDENTIFIER = b"TFL3"
# The schema's force_align for buffers: kernels read weights where they lie in the file.
_ALIGNMENT = 16
_LARGEST_DEPRECATED_CODE = 127


def to_litert(
    network: Network, *, outputs: Sequence[str], metadata: Mapping[str, bytes] | None = None
) -> bytes:
    """Return the network as the content of a ``.tflite`` file.

    Layers that no output needs are left out, the rest is folded by
    :func:`core.inference.fold.fold_batch_norms` (never an output itself, so every layer of the
    network can be one). Equal networks give equal bytes.

    Parameters
    ----------
    network : Network
    outputs : sequence of str
        Layers to read, at least one; tensors carry their names. The batch is free: 1 in the
        file, changed by resizing the input.
    metadata : mapping of str to bytes, optional
        Entries of the file's metadata, which change nothing.

    Returns
    -------
    bytes

    Raises
    ------
    ModelError
        If an output is unknown or none is named.
    """
    wanted = tuple(dict.fromkeys(outputs))
    if not wanted:
        raise ModelError("network.no_output")
    folded = fold_batch_norms(network.upto(*wanted), keep=wanted)
    writer = FlatbufferWriter()
    tensors: dict[str, int] = {}
    for node in folded.nodes:
        shape = folded.output_shape(node.name)
        inputs = [(tensors[name], folded.output_shape(name)) for name in node.inputs]
        tensors[node.name] = writer.tensor(node.name, shape)
        if node.op != "input":
            lower(writer, node, inputs, (tensors[node.name], shape))
    return writer.finish(
        inputs=[tensors[name] for name in folded.inputs],
        outputs=[tensors[name] for name in wanted],
        metadata=metadata,
    )


class FlatbufferWriter:
    """Collects the tensors and operators of one LiteRT file."""

    def __init__(self) -> None:
        self._buffers: list[NDArray[np.uint8] | None] = [None]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: dict[tuple[int, int], int] = {}

    def tensor(self, name: str, shape: Shape) -> int:
        """Add a float32 tensor that is computed, of `shape` without the batch."""
        signature = np.array([-1, *shape], np.int32)
        return self._add_tensor(
            name,
            shape=np.array([1, *shape], np.int32),
            shapeSignature=signature,
            type=schema.TensorType.FLOAT32,
        )

    def constant(self, name: str, array: NDArray[np.float32] | NDArray[np.int32]) -> int:
        """Add a tensor whose values stand in the file."""
        types = {"float32": schema.TensorType.FLOAT32, "int32": schema.TensorType.INT32}
        little_endian = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        self._buffers.append(little_endian.reshape(-1).view(np.uint8))
        return self._add_tensor(
            name,
            shape=np.array(array.shape, np.int32),
            type=types[array.dtype.name],
            buffer=len(self._buffers) - 1,
        )

    def operator(
        self,
        code: int,
        inputs: Sequence[int],
        output: int,
        *,
        options_type: int = 0,
        options: object | None = None,
        version: int = 1,
    ) -> None:
        """Add an operator; codes and options are the schema's."""
        index = self._codes.setdefault((code, version), len(self._codes))
        self._operators.append(
            schema.OperatorT(
                opcodeIndex=index,
                inputs=np.array(inputs, np.int32),
                outputs=np.array([output], np.int32),
                builtinOptionsType=options_type,
                builtinOptions=options,
            )
        )

    def finish(
        self,
        *,
        inputs: Sequence[int],
        outputs: Sequence[int],
        metadata: Mapping[str, bytes] | None = None,
    ) -> bytes:
        """Return the file."""
        entries = []
        for name, content in (metadata or {}).items():
            self._buffers.append(np.frombuffer(content, np.uint8))
            entries.append(schema.MetadataT(name=name, buffer=len(self._buffers) - 1))
        subgraph = schema.SubGraphT(
            tensors=self._tensors,
            inputs=np.array(inputs, np.int32),
            outputs=np.array(outputs, np.int32),
            operators=self._operators,
            name="main",
        )
        codes = [
            schema.OperatorCodeT(
                deprecatedBuiltinCode=min(code, _LARGEST_DEPRECATED_CODE),
                builtinCode=code,
                version=version,
            )
            for code, version in self._codes
        ]
        model = schema.ModelT(
            version=_SCHEMA_VERSION,
            operatorCodes=codes,
            subgraphs=[subgraph],
            description="Teachdeck",
            buffers=[_AlignedBuffer(data) for data in self._buffers],
            metadata=entries or None,
        )
        weight_bytes = sum(data.size for data in self._buffers if data is not None)
        # Large enough from the start: growing would copy all weights again.
        builder = flatbuffers.Builder(weight_bytes + 1024 * (len(self._tensors) + 16))
        builder.Finish(model.Pack(builder), file_identifier=_FILE_IDENTIFIER)
        return bytes(builder.Output())

    def _add_tensor(self, name: str, **fields: object) -> int:
        self._tensors.append(schema.TensorT(name=name, hasRank=True, **fields))
        return len(self._tensors) - 1


class _AlignedBuffer:
    """One buffer of the file, packed in one copy and aligned as the schema demands."""

    def __init__(self, data: NDArray[np.uint8] | None) -> None:
        self._data = data

    def Pack(self, builder: Any) -> int:  # noqa: N802 -- the name that ModelT.Pack calls
        vector = None
        if self._data is not None:
            size = self._data.size
            builder.StartVector(1, size, _ALIGNMENT)
            builder.head = builder.head - size
            builder.Bytes[builder.head : builder.head + size] = self._data.tobytes()
            vector = builder.EndVector()
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        offset: int = schema.BufferEnd(builder)
        return offset
