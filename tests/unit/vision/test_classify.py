"""Pictures from bytes, files and arrays get the same answer, and bad ones an error of their own."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import ImageError, ModelError, UsageError
from core.imaging import Preprocessing
from core.vision import ImageClassifier
from core.vision.classify import decode_side_px


def png(colour: str, size: tuple[int, int] = (48, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return buffer.getvalue()


def test_bytes_path_and_pixels_give_the_same_answer(backbone: Any, tmp_path: Path) -> None:
    classifier = ImageClassifier(backbone)
    path = tmp_path / "a.png"
    path.write_bytes(png("lime"))
    pixels = np.zeros((40, 48, 3), np.uint8)
    pixels[..., 1] = 255
    answers = [classifier.classify(source) for source in (png("lime"), path, str(path), pixels)]
    for answer in answers:
        assert answer.predictions[0].label == "green"
        assert np.array_equal(answer.tensor, answers[0].tensor)
        assert np.array_equal(answer.logits, answers[0].logits)
    assert [answer.image.format for answer in answers] == ["PNG", "PNG", "PNG", "array"]


def test_predictions_are_in_order_and_match_the_probabilities(backbone: Any) -> None:
    answer = ImageClassifier(backbone).classify(png("red"), top=3)
    assert len(answer.predictions) == 3
    probabilities = [prediction.probability for prediction in answer.predictions]
    assert probabilities == sorted(probabilities, reverse=True)
    for prediction in answer.predictions:
        assert prediction.label == backbone.labels[prediction.index]
        assert prediction.probability == answer.probabilities[prediction.index]
    assert answer.probabilities.sum() == pytest.approx(1)
    softmax = np.exp(answer.logits) / np.exp(answer.logits).sum()
    assert answer.probabilities == pytest.approx(softmax, rel=1e-5)


def test_no_more_predictions_than_classes_come_back(backbone: Any) -> None:
    assert len(ImageClassifier(backbone).classify(png("red"), top=99).predictions) == 4


@pytest.mark.parametrize("top", [0, -1])
def test_less_than_one_prediction_is_wrong_use(backbone: Any, top: int) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        ImageClassifier(backbone).classify(png("red"), top=top)
    with pytest.raises(UsageError):
        list(ImageClassifier(backbone).classify_many([("a", png("red"))], top=top))


def test_the_time_is_split_by_step(backbone: Any) -> None:
    timings = ImageClassifier(backbone).classify(png("red")).timings
    parts = (timings.decode_s, timings.preprocess_s, timings.inference_s)
    assert all(part > 0 for part in parts)
    assert timings.total_s == pytest.approx(sum(parts))


def test_the_crop_box_and_the_own_size_come_with_the_answer(backbone: Any) -> None:
    answer = ImageClassifier(backbone).classify(png("red", (2000, 1000)))
    assert (answer.image.width, answer.image.height) == (2000, 1000)
    assert answer.crop_box == pytest.approx((0.28125, 0.0625, 0.71875, 0.9375))
    assert min(answer.image.pixels.shape[:2]) < 1000


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((4, 4), "uint8"), ((4, 4, 4), "uint8"), ((4, 4, 3), "float32"), ((1, 4, 4, 3), "uint8")],
)
def test_arrays_that_are_not_rgb_pixels_are_refused(
    backbone: Any, shape: tuple[int, ...], dtype: str
) -> None:
    with pytest.raises(ImageError) as caught:
        ImageClassifier(backbone).classify(np.zeros(shape, dtype))
    assert caught.value.code == "image.array"
    assert dtype in caught.value.message


def test_an_array_without_pixels_is_refused(backbone: Any) -> None:
    with pytest.raises(ImageError) as caught:
        ImageClassifier(backbone).classify(np.zeros((0, 4, 3), np.uint8))
    assert caught.value.code == "image.no_pixels"


def test_one_bad_picture_does_not_stop_the_rest(backbone: Any, tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(png("blue"))
    sources: list[Any] = [
        ("first", png("red")),
        ("broken", b"no picture"),
        good,
        tmp_path / "missing.png",
    ]
    results = list(ImageClassifier(backbone).classify_many(sources, top=1))
    assert [result.name for result in results] == [
        "first",
        "broken",
        str(good),
        str(tmp_path / "missing.png"),
    ]
    labels = [
        result.classification.predictions[0].label if result.classification else None
        for result in results
    ]
    assert labels == ["red", None, "blue", None]
    codes = [result.error.code if result.error else None for result in results]
    assert codes == [None, "image.text", None, "image.no_file"]


def test_many_pictures_are_decoded_one_by_one(backbone: Any) -> None:
    taken: list[int] = []

    def sources() -> Any:
        for number in range(3):
            taken.append(number)
            yield str(number), png("red")

    results = ImageClassifier(backbone).classify_many(sources())
    next(results)
    assert taken == [0]


def test_answers_that_are_not_numbers_are_the_models_fault(backbone: Any) -> None:
    backbone.model.bias[2] = np.nan
    with pytest.raises(ModelError) as caught:
        ImageClassifier(backbone).classify(png("red"))
    assert caught.value.code == "vision.not_finite"


def test_one_classifier_serves_many_threads(backbone: Any) -> None:
    classifier = ImageClassifier(backbone)
    colours = ["red", "lime", "blue"] * 10
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda colour: classifier.classify(png(colour)), colours))
    labels = [answer.predictions[0].label for answer in answers]
    assert labels == ["red", "green", "blue"] * 10


@pytest.mark.parametrize(
    ("contract", "side_px"),
    [(Preprocessing(224, crop_fraction=0.875), 512), (Preprocessing(224, "squeeze"), 448)],
)
def test_pictures_are_decoded_at_twice_what_is_seen(contract: Preprocessing, side_px: int) -> None:
    assert decode_side_px(contract) == side_px


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (2600, 1950), (6000, 1200)])
def test_decoding_smaller_hardly_changes_what_the_network_sees(size: tuple[int, int]) -> None:
    from core.imaging import decode_image

    # Blobs of all sizes down to single pixels, as in a sharp photo.
    generator = np.random.default_rng(1)
    picture = np.zeros((size[1], size[0], 3), np.float32)
    for blob_px in (500, 120, 40, 12, 4, 1):
        shape = (-(-size[1] // blob_px), -(-size[0] // blob_px), 3)
        blobs = generator.normal(0, 22, shape).astype(np.float32)
        blobs = np.repeat(np.repeat(blobs, blob_px, 0), blob_px, 1)
        picture += blobs[: size[1], : size[0]]
    buffer = io.BytesIO()
    pixels = np.clip(picture + 128, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    contract = Preprocessing(224, offset=0, scale=1)
    whole = contract.apply(decode_image(buffer.getvalue()).pixels).tensor
    reduced = decode_image(buffer.getvalue(), min_side_px=decode_side_px(contract))
    assert reduced.pixels.size < pixels.size / 3
    difference = np.abs(contract.apply(reduced.pixels).tensor - whole)
    assert difference.mean() < 1.5  # of 255
