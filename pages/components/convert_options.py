"""The choice of a target and how it is written, with sizes predicted beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.imaging import decode_image
from core.tfjs.compat import Target, problems
from core.tfjs.compat_rules import AUGMENTATION
from core.tfjs.convert import TFLITE_BYTES, ConversionOptions, predict_bytes
from core.tfjs.model import LayersModel
from core.tfjs.quantize import QUANTIZED_DTYPES
from core.tfjs.registry import infer_output_format, pairs
from core.tfjs.shapes import model_input_shapes
from core.tfjs.weights import DEFAULT_SHARD_BYTES
from core.tfjs.write_layers import LayersOptions, stored_bytes
from pages.components.convert_source import LoadedModel
from pages.components.convert_summary import format_title, show_reasons, size_text
from pages.components.i18n import t

__all__ = ["choose_conversion"]

_MEBIBYTE = 1024 * 1024
_FLOAT = "float32"
_PICTURE_AXES = 4  # batch, height, width, channels
_PICTURE_SIDE_PX = 512
_MAX_PICTURES = 40
_TARGETS: dict[str, Target] = {
    "tfjs_layers_model": "tfjs",
    "keras": "keras",
    "keras_keras": "keras3",
    "tflite": "keras3",
}


def choose_conversion(loaded: LoadedModel) -> tuple[str, ConversionOptions] | None:
    """Draw the choice; return it when the visitor asks to convert now."""
    model = loaded.model
    output_format = _choose_format(model)
    if output_format == "tfjs_layers_model":
        options = _layers_options(model)
    elif output_format == "tflite":
        options = ConversionOptions(tflite_dtype=_tflite_dtype(model))
    else:
        options = ConversionOptions()
    strip = _has_augmentation(model) and st.toggle(
        t("convertpage.strip"), value=True, key="convert_strip", help=t("convertpage.strip_help")
    )
    compare = st.toggle(
        t("convertpage.compare"),
        value=True,
        key="convert_compare",
        help=t("convertpage.compare_help"),
    )
    pictures = _own_pictures(model) if compare else ()
    options = ConversionOptions(
        layers=options.layers,
        tflite_dtype=options.tflite_dtype,
        strip_augmentation=strip,
        verify="outputs" if compare else "structure",
    )
    reasons = problems(model, _target(output_format, options), strip_augmentation=strip)
    if reasons:
        st.warning(
            t("convertpage.blocked", target=format_title(output_format)), icon=":material/block:"
        )
        show_reasons(reasons)
    else:
        _predict(loaded, output_format, options)
    asked = st.button(
        t("convertpage.convert"),
        type="primary",
        icon=":material/sync_alt:",
        width="stretch",
        disabled=bool(reasons),
        key="convert_go",
    )
    if not asked:
        return None
    if pictures:
        decoded = [decode_image(file.getvalue(), max_side_px=_PICTURE_SIDE_PX) for file in pictures]
        options = replace(options, pictures=[picture.pixels for picture in decoded])
    return output_format, options


def _own_pictures(model: LayersModel) -> Sequence[UploadedFile]:
    """Draw the choice of pictures to compare on, where the model takes pictures."""
    shapes = [shape for _, shape, _ in model_input_shapes(model.topology)]
    if len(shapes) != 1 or not shapes[0] or len(shapes[0]) != _PICTURE_AXES:
        return ()
    with st.expander(t("convertpage.pictures"), icon=":material/imagesmode:"):
        return st.file_uploader(
            t("convertpage.pictures_hint", count=_MAX_PICTURES),
            accept_multiple_files=True,
            key="convert_pictures",
        )[:_MAX_PICTURES]


def _choose_format(model: LayersModel) -> str:
    origin = model.origin.format
    names = [
        target.name for source, target, why in pairs() if source.name == origin and why is None
    ]
    default = infer_output_format(origin, Path())
    return st.radio(
        t("convertpage.target"),
        names,
        index=names.index(default),
        format_func={name: format_title(name) for name in names}.__getitem__,
        key=f"convert_target_{origin}",
    )


def _has_augmentation(model: LayersModel) -> bool:
    return any(layer["class_name"] in AUGMENTATION for layer in model.layers)


def _target(output_format: str, options: ConversionOptions) -> Target:
    old = output_format == "tfjs_layers_model" and options.layers.old_tensorflowjs
    return "tfjs-1.3.1" if old else _TARGETS[output_format]


def _tflite_dtype(model: LayersModel) -> str:
    dtypes = list(TFLITE_BYTES)
    sizes = [
        size_text(predict_bytes(model, "tflite", ConversionOptions(tflite_dtype=dtype)))
        for dtype in dtypes
    ]
    captions = (
        t("convertpage.dtype_exact", size=sizes[0]),
        t("convertpage.dtype_half", size=sizes[1]),
        t("convertpage.dtype_dynamic", size=sizes[2]),
    )
    return st.radio(t("convertpage.dtype"), dtypes, captions=captions, key="convert_tflite_dtype")


def _layers_options(model: LayersModel) -> ConversionOptions:
    dtypes = [_FLOAT, "float16", "uint16", "uint8"]
    sizes = [size_text(stored_bytes(model, _quantized(dtype, {}))) for dtype in dtypes]
    captions = (
        t("convertpage.dtype_exact", size=sizes[0]),
        t("convertpage.dtype_half", size=sizes[1]),
        t("convertpage.dtype_sixteen", size=sizes[2]),
        t("convertpage.dtype_eight", size=sizes[3]),
    )
    dtype = st.radio(t("convertpage.dtype"), dtypes, captions=captions, key="convert_dtype")
    with st.expander(t("convertpage.more"), icon=":material/tune:"):
        split = st.toggle(
            t("convertpage.split"), key="convert_split", help=t("convertpage.split_help")
        )
        shard_bytes, shard_count = _shards(split=split)
        old = st.toggle(t("convertpage.old"), key="convert_old", help=t("convertpage.old_help"))
        st.caption(t("convertpage.patterns"))
        patterns = {
            other: _patterns(other, example=next(iter(model.weights), "dense/*"))
            for other in QUANTIZED_DTYPES
            if other != dtype
        }
    return ConversionOptions(
        layers=LayersOptions(
            quantize=_quantized(dtype, patterns).quantize,
            shard_bytes=shard_bytes,
            shard_count=shard_count,
            split_by_layer=split,
            old_tensorflowjs=old,
        )
    )


def _quantized(dtype: str, patterns: dict[str, tuple[str, ...]]) -> LayersOptions:
    everything = {} if dtype == _FLOAT else {dtype: ("*",)}
    return LayersOptions(quantize={**patterns, **everything})


def _patterns(dtype: str, *, example: str) -> tuple[str, ...]:
    entered = st.text_input(dtype, key=f"convert_patterns_{dtype}", placeholder=example)
    return tuple(pattern.strip() for pattern in entered.split(",") if pattern.strip())


def _shards(*, split: bool) -> tuple[int, int | None]:
    by = {"size": t("convertpage.shards_by_size"), "count": t("convertpage.shards_by_count")}
    chosen = st.segmented_control(
        t("convertpage.shards"),
        list(by),
        format_func=by.__getitem__,
        default="size",
        required=True,
        disabled=split,
        key="convert_shards_by",
        width="stretch",
    )
    if chosen == "count" and not split:
        count = st.number_input(
            t("convertpage.shard_count"), min_value=1, max_value=1000, value=4, key="convert_count"
        )
        return DEFAULT_SHARD_BYTES, int(count)
    size = st.number_input(
        t("convertpage.shard_size"),
        min_value=0.01,
        max_value=256.0,
        value=DEFAULT_SHARD_BYTES / _MEBIBYTE,
        step=0.5,
        key="convert_shard_size",
        help=t("convertpage.shard_size_help"),
    )
    return max(1, round(size * _MEBIBYTE)), None


def _predict(loaded: LoadedModel, output_format: str, options: ConversionOptions) -> None:
    after = predict_bytes(loaded.model, output_format, options)
    before = size_text(loaded.size_bytes)
    layers = options.layers
    if output_format != "tfjs_layers_model" or layers.split_by_layer:
        st.caption(t("convertpage.predicted", before=before, after=size_text(after)))
        return
    shards = layers.shard_count or -(-stored_bytes(loaded.model, layers) // layers.shard_bytes)
    st.caption(
        t("convertpage.predicted_shards", before=before, after=size_text(after), shards=shards)
    )
