"""Maps of evidence are exact where they claim to be, and lie where the evidence is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import ModelError, UsageError
from core.vision import (
    Explanation,
    ImageClassifier,
    class_activation_map,
    explain,
    occlusion_map,
    overlay,
)
from core.vision.colormap import VIRIDIS


def red_in_the_corner() -> NDArray[np.float32]:
    """A 32 pixel input that is blue but for its red upper left quarter."""
    tensor = np.zeros((1, 32, 32, 3), np.float32)
    tensor[0, :, :, 2] = 0.3
    tensor[0, :16, :16] = (1, 0, 0)
    return tensor


@pytest.mark.parametrize("class_index", range(4))
def test_the_mean_of_the_map_plus_the_bias_is_the_logit(backbone: Any, class_index: int) -> None:
    tensor = np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)
    explanation = class_activation_map(backbone, tensor, class_index)
    logit = backbone.model.run(tensor)["logits"][0, class_index]
    bias = backbone.model.bias[class_index]
    assert explanation.evidence.mean() + bias == pytest.approx(logit, abs=1e-5)
    assert explanation.kind == "cam"
    assert explanation.class_index == class_index


@pytest.mark.parametrize("kind", ["cam", "occlusion"])
def test_the_heat_lies_where_the_class_is(backbone: Any, kind: str) -> None:
    make = class_activation_map if kind == "cam" else occlusion_map
    explanation = make(backbone, red_in_the_corner(), 0, crop_box=(0.1, 0.2, 0.9, 0.8))
    heat = explanation.heat
    assert heat.shape == (32, 32)
    assert heat.dtype == np.float32
    assert heat.min() == 0
    assert heat.max() == 1
    assert heat[:12, :12].min() > 0.5
    assert heat[20:, 20:].max() < 0.1
    assert explanation.crop_box == (0.1, 0.2, 0.9, 0.8)
    assert explanation.kind == kind


def test_a_class_without_evidence_has_no_heat(backbone: Any) -> None:
    tensor = np.zeros((1, 32, 32, 3), np.float32)
    tensor[..., 2] = 1
    explanation = class_activation_map(backbone, tensor, 0)
    assert (explanation.evidence < 0).all()
    assert not explanation.heat.any()


def test_occlusion_measures_the_drop_of_the_log_probability(backbone: Any) -> None:
    tensor = red_in_the_corner()
    explanation = occlusion_map(backbone, tensor, 0, patch_px=16, stride_px=16)
    grey = tensor.copy()
    grey[0, :16, :16] = 127.5 / 255
    before, after = (
        np.log(backbone.model.run(each)["probabilities"][0, 0]) for each in (tensor, grey)
    )
    assert explanation.evidence.shape == (2, 2)
    assert explanation.evidence[0, 0] == pytest.approx(before - after, abs=1e-5)
    assert explanation.evidence[0, 0] > 0


def test_occlusion_covers_every_pixel_and_tells_its_progress(backbone: Any) -> None:
    seen: list[tuple[int, int]] = []
    explanation = occlusion_map(
        backbone,
        red_in_the_corner(),
        0,
        patch_px=10,
        stride_px=7,
        batch_size=5,
        progress=lambda done, of: seen.append((done, of)),
    )
    assert explanation.evidence.shape == (5, 5)  # at 0, 7, 14, 21 and, at the edge, 22
    assert seen == [(5, 25), (10, 25), (15, 25), (20, 25), (25, 25)]
    assert backbone.model.batch_sizes == [1, 5, 5, 5, 5, 5]
    assert np.isfinite(explanation.heat).all()


def test_occlusion_leaves_its_input_as_it_was_and_can_be_stopped(backbone: Any) -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, of: int) -> None:
        raise StoppedError

    tensor = red_in_the_corner()
    with pytest.raises(StoppedError):
        occlusion_map(backbone, tensor, 0, progress=stop)
    assert np.array_equal(tensor, red_in_the_corner())


@pytest.mark.parametrize(("patch_px", "stride_px"), [(0, 1), (33, 1), (8, 0), (8, 9), (-4, 2)])
def test_a_patch_out_of_range_is_wrong_use(backbone: Any, patch_px: int, stride_px: int) -> None:
    with pytest.raises(UsageError) as caught:
        occlusion_map(backbone, red_in_the_corner(), 0, patch_px=patch_px, stride_px=stride_px)
    assert caught.value.code == "vision.patch"


@pytest.mark.parametrize("class_index", [-1, 4])
def test_a_class_that_is_none_is_wrong_use(backbone: Any, class_index: int) -> None:
    for make in (class_activation_map, occlusion_map):
        with pytest.raises(UsageError) as caught:
            make(backbone, red_in_the_corner(), class_index)
        assert caught.value.code == "vision.no_class"


def test_no_exact_map_is_claimed_where_there_is_none(backbone_without_kernel: Any) -> None:
    with pytest.raises(ModelError) as caught:
        class_activation_map(backbone_without_kernel, red_in_the_corner(), 0)
    assert caught.value.code == "vision.no_class_map"


def test_explain_takes_the_exact_map_where_there_is_one(
    backbone: Any, backbone_without_kernel: Any
) -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[..., 1] = 200
    for each, kind in ((backbone, "cam"), (backbone_without_kernel, "occlusion")):
        answer = ImageClassifier(each).classify(pixels)
        explanation = explain(each, answer)
        assert explanation.kind == kind
        assert explanation.class_index == 1
        assert explanation.crop_box == answer.crop_box
        assert explain(each, answer, class_index=2).class_index == 2


def explanation_of(heat: NDArray[np.float32], box: tuple[float, ...]) -> Explanation:
    left, top, right, bottom = box
    return Explanation(heat, "cam", 0, (left, top, right, bottom), heat)


def test_the_overlay_shows_heat_within_the_crop_only() -> None:
    pixels = np.full((100, 200, 3), 90, np.uint8)
    heat = np.zeros((8, 8), np.float32)
    heat[:, 4:] = 1
    shown = overlay(pixels, explanation_of(heat, (0.25, 0.1, 0.75, 0.9)), opacity=1)
    assert shown.shape == pixels.shape
    assert shown.dtype == np.uint8
    assert shown[50, 51].tolist() == VIRIDIS[0].tolist()
    assert shown[50, 148].tolist() == VIRIDIS[255].tolist()
    outside = np.ones((100, 200), bool)
    outside[10:90, 50:150] = False
    assert (shown[outside] == 90).all()
    assert (pixels == 90).all()


def test_opacity_mixes_picture_and_heat() -> None:
    pixels = np.full((10, 10, 3), 100, np.uint8)
    whole = explanation_of(np.ones((4, 4), np.float32), (0, 0, 1, 1))
    assert (overlay(pixels, whole, opacity=0) == pixels).all()
    assert (overlay(pixels, whole, opacity=-3) == pixels).all()
    half = overlay(pixels, whole, opacity=0.5)[5, 5].astype(int)
    assert np.abs(half - (VIRIDIS[255].astype(int) + 100) / 2).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1)])
def test_extreme_shapes_can_be_overlaid(backbone: Any, size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 200, np.uint8)
    answer = ImageClassifier(backbone).classify(pixels)
    assert overlay(pixels, explain(backbone, answer)).shape == pixels.shape


def test_the_colours_get_lighter_in_even_steps() -> None:
    # CIE L* from sRGB: what makes the map readable in grey and by the colour-blind.
    linear = np.where(
        VIRIDIS / 255 <= 0.04045, VIRIDIS / 255 / 12.92, ((VIRIDIS / 255 + 0.055) / 1.055) ** 2.4
    )
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16
    steps = np.diff(lightness[::16])
    assert (steps > 0).all()
    assert steps.max() < 2 * steps.min()
