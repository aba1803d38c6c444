"""What travels with every export: the contract in JSON, and the same in words."""

from __future__ import annotations

import json
from typing import Any

from core.vision.classify import decode_side_px
from core.vision.exports.source import PictureModel

__all__ = ["ABOUT_FILE", "FORMAT", "README_FILE", "about", "about_bytes", "readme"]

ABOUT_FILE = "teachdeck.json"
README_FILE = "README.md"

FORMAT = "teachdeck-picture-model"
_VERSION = 1

_DECODING = (
    "EXIF orientation is honoured; transparency is laid over white; embedded colour profiles are "
    "ignored; grey becomes RGB; of an animation the first frame is used"
)
_RESIZING = (
    "a picture whose shorter side has k times reduce_to_px pixels, k a whole number above 1, is "
    "first averaged over blocks of k x k pixels (a JPEG decoder may do it); then the region is "
    "resampled straight to input_size_px squared with Pillow's filter of that name (antialiased: "
    "Image.resize(size, resample, box) on 8-bit RGB); center_crop takes a centred square of "
    "crop_fraction times the shorter side, squeeze the whole picture"
)


def about(model: PictureModel) -> dict[str, Any]:
    """Return the contract of a model as plain values for JSON.

    Parameters
    ----------
    model : PictureModel

    Returns
    -------
    dict
        Labels, preprocessing and rejection with their rules in words, and golden pairs: the
        numbers of the drawn pictures (:func:`core.pretrained.convert.golden_input`) with the
        probabilities that belong to them.
    """
    golden = [
        {"picture": number, "probabilities": [float(f"{value:.7g}") for value in row]}
        for number, row in enumerate(model.golden_answers.tolist())
    ]
    return {
        "format": FORMAT,
        "version": _VERSION,
        "name": model.name,
        "labels": list(model.labels),
        "rejection": rejection_rule(model),
        "backbone": model.backbone,
        "licence": model.licence,
        "preprocessing": model.preprocessing.to_dict(),
        "reduce_to_px": decode_side_px(model.preprocessing),
        "decoding": _DECODING,
        "resizing": _RESIZING,
        "scaling": "inside the model: it takes RGB pixels of 0 to 255",
        "golden": golden,
        "written_by": "Teachdeck",
    }


def rejection_rule(model: PictureModel) -> dict[str, Any]:
    """Return what "none of these" compares, the threshold, and the rule in words."""
    rejection = model.rejection
    if rejection is None or rejection.kind == "none":
        return {"kind": "none", "threshold": None, "rule": "every picture is one of the classes"}
    rule = "the answer is none of these when the largest probability is below the threshold"
    if rejection.kind == "similarity":
        rule = (
            "the answer is none of these when no reference is as similar as the threshold: cosine "
            "of (features, averaged over height and width, minus centre) with each reference"
        )
    return {"kind": rejection.kind, "threshold": rejection.threshold, "rule": rule}


def about_bytes(model: PictureModel) -> bytes:
    """Return `about` as the content of a file."""
    return (json.dumps(about(model), ensure_ascii=False, indent=1) + "\n").encode()


def readme(model: PictureModel, how: str) -> bytes:
    """Return the README of an export.

    Parameters
    ----------
    model : PictureModel
    how : str
        What is in the archive and how it is used, in Markdown.

    Returns
    -------
    bytes
    """
    contract = model.preprocessing
    region = (
        f"the centred square of {contract.crop_fraction:g} times the shorter side"
        if contract.resize == "center_crop"
        else "the whole picture, its aspect ratio lost"
    )
    size = contract.input_size_px
    rejection = rejection_rule(model)
    threshold = []
    if rejection["threshold"] is not None:
        threshold = [f"5. {rejection['rule'].capitalize()}, {rejection['threshold']:.3f}."]
    square = f"image.resize(({size}, {size}), Image.Resampling.{contract.interpolation.upper()}"
    lines = [
        f"# {model.name}",
        "",
        how,
        "",
        "## What the model sees",
        "",
        f"1. The picture is decoded to 8-bit RGB: {_DECODING}.",
        f"2. If its shorter side has k times {decode_side_px(contract)} pixels or more, blocks of",
        "   k x k pixels are averaged to one, k the largest such whole number.",
        f"3. Of it, {region} is resampled to {size} x {size} pixels with Pillow's antialiased",
        f"   {contract.interpolation} filter: `{square}, box=...)`. Another resize gives other",
        "   answers.",
        f"4. Scaling, `(pixel - {contract.offset:g}) / {contract.scale:g}`, is inside the model",
        "   unless it says otherwise above.",
        *threshold,
        "",
        f"The same, for programs, is in `{ABOUT_FILE}` or in the model's own metadata.",
        "",
        "## Classes, in the order of the output",
        "",
        *(f"{number}. {label}" for number, label in enumerate(model.labels)),
        "",
        f"Backbone: {model.backbone or 'unknown'}"
        + (f" ({model.licence})" if model.licence else "")
        + ". Written by Teachdeck.",
        "",
    ]
    return "\n".join(lines).encode()
