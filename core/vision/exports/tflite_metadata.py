"""Metadata inside a TFLite file, as TensorFlow Lite's tools and Android Studio read it.

A flatbuffer of the schema "M001" (tflite-support, ``metadata_schema.fbs`` 1.1.0) is the model's
metadata entry ``TFLITE_METADATA``; it names the label file, which is packed in a zip behind the
model's own bytes. Readers of flatbuffers look at the front of a file and readers of zips at its
end, so the file is both.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import flatbuffers

__all__ = [
    "ENTRY",
    "FeatureMetadata",
    "ImageMetadata",
    "feature_metadata",
    "image_metadata",
    "with_files",
]

ENTRY = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
_PARSER_VERSION = "1.0.0"
# From the schema.
_DESCRIPTIONS, _AXIS_LABELS = 1, 2
_RGB = 1
_FEATURE, _IMAGE = 1, 2
_NORMALIZATION = 1


@dataclass(frozen=True)
class ImageMetadata:
    """What the metadata of an image classifier says.

    Parameters
    ----------
    name, description, licence : str
    input_description, output_description : str
    size_px : int
        Side of the input.
    label_file, about_file : str
        Names of the files in the zip.
    outputs : int, optional
        1, or 2 where the features come after the probabilities.
    """

    name: str
    description: str
    licence: str
    input_description: str
    output_description: str
    size_px: int
    label_file: str
    about_file: str
    outputs: int = 1


@dataclass(frozen=True)
class FeatureMetadata:
    """What the metadata of a classifier says whose input is no picture.

    Parameters
    ----------
    name, description, licence : str
    input_name, input_description, output_description : str
    label_file, about_file : str
        Names of the files in the zip.
    """

    name: str
    description: str
    licence: str
    input_name: str
    input_description: str
    output_description: str
    label_file: str
    about_file: str


def image_metadata(content: ImageMetadata) -> bytes:
    """Return the metadata of an image classifier that takes pixels of 0 to 255.

    Parameters
    ----------
    content : ImageMetadata

    Returns
    -------
    bytes
        A flatbuffer with the identifier "M001".
    """
    b = flatbuffers.Builder(2048)
    image_size = _table(b, 2, u32={0: content.size_px, 1: content.size_px})
    image = _table(b, 2, i8={0: _RGB}, offsets={1: image_size})
    image_content = _table(b, 3, i8={0: _IMAGE}, offsets={1: image})
    # Scaling is in the model: (x - 0) / 1.
    mean, deviation = _floats(b, 0.0), _floats(b, 1.0)
    normalization = _table(b, 2, offsets={0: mean, 1: deviation})
    unit = _table(b, 2, i8={0: _NORMALIZATION}, offsets={1: normalization})
    picture = _table(
        b,
        7,
        offsets={
            0: b.CreateString("image"),
            1: b.CreateString(content.input_description),
            3: image_content,
            4: _vector(b, unit),
            5: _table(b, 2, offsets={0: _floats(b, 255.0), 1: _floats(b, 0.0)}),
        },
    )
    return _finished(b, content, picture)


def feature_metadata(content: FeatureMetadata) -> bytes:
    """Return the metadata of a classifier that takes features, such as a spectrogram.

    Parameters
    ----------
    content : FeatureMetadata

    Returns
    -------
    bytes
        A flatbuffer with the identifier "M001".
    """
    b = flatbuffers.Builder(2048)
    features = _table(b, 3, i8={0: _FEATURE}, offsets={1: _table(b, 0)})
    entry = _table(
        b,
        7,
        offsets={
            0: b.CreateString(content.input_name),
            1: b.CreateString(content.input_description),
            3: features,
        },
    )
    return _finished(b, content, entry)


def _finished(
    b: flatbuffers.Builder, content: ImageMetadata | FeatureMetadata, entry: int
) -> bytes:
    """Return the metadata whose one input is the table `entry`."""
    labels = _file(b, content.label_file, "One class a line.", _AXIS_LABELS)
    feature = _table(b, 0)
    scores = _table(
        b,
        7,
        offsets={
            0: b.CreateString("probability"),
            1: b.CreateString(content.output_description),
            3: _table(b, 3, i8={0: _FEATURE}, offsets={1: feature}),
            5: _table(b, 2, offsets={0: _floats(b, 1.0), 1: _floats(b, 0.0)}),
            6: _vector(b, labels),
        },
    )
    made = [scores]
    if isinstance(content, ImageMetadata) and content.outputs == 2:
        made.append(_table(b, 7, offsets={0: b.CreateString("features")}))
    graph = _table(b, 7, offsets={2: _vector(b, entry), 3: _vector(b, *made)})
    about = _file(b, content.about_file, "The whole contract in JSON.", _DESCRIPTIONS)
    root = _table(
        b,
        8,
        offsets={
            0: b.CreateString(content.name),
            1: b.CreateString(content.description),
            2: b.CreateString("1"),
            3: _vector(b, graph),
            5: b.CreateString(content.licence),
            6: _vector(b, about),
            7: b.CreateString(_PARSER_VERSION),
        },
    )
    b.Finish(root, file_identifier=_IDENTIFIER)
    return bytes(b.Output())


def with_files(model: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return a model with files packed behind it, which `zipfile` finds in the result.

    Parameters
    ----------
    model : bytes
        A TFLite flatbuffer.
    files : mapping of str to bytes

    Returns
    -------
    bytes
    """
    buffer = io.BytesIO(model)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _table(
    b: flatbuffers.Builder,
    slots: int,
    *,
    i8: Mapping[int, int] | None = None,
    u32: Mapping[int, int] | None = None,
    offsets: Mapping[int, int] | None = None,
) -> int:
    """Write a table of numbers and of things that were written before."""
    b.StartObject(slots)
    writers: tuple[tuple[Mapping[int, int] | None, Callable[[int, int, int], None]], ...] = (
        (offsets, b.PrependUOffsetTRelativeSlot),
        (u32, b.PrependUint32Slot),
        (i8, b.PrependInt8Slot),
    )
    for values, write in writers:
        for slot, value in (values or {}).items():
            write(slot, value, 0)
    return int(b.EndObject())


def _vector(b: flatbuffers.Builder, *offsets: int) -> int:
    """Write a vector of tables."""
    b.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        b.PrependUOffsetTRelative(offset)
    return int(b.EndVector())


def _floats(b: flatbuffers.Builder, value: float) -> int:
    b.StartVector(4, 1, 4)
    b.PrependFloat32(value)
    return int(b.EndVector())


def _file(b: flatbuffers.Builder, name: str, description: str, kind: int) -> int:
    offsets = {0: b.CreateString(name), 1: b.CreateString(description)}
    return _table(b, 4, i8={2: kind}, offsets=offsets)
