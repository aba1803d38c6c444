import numpy as np
from numpy.typing import NDArray

from core.audio import normalize
from core.speech.augment import augment_spectrogram

BEGIN, END = 15, 28
FAINT = 0.7


def _take() -> NDArray[np.float32]:
    """Return a word of a few columns in noise, and a faint sound at higher bins."""
    generator = np.random.default_rng(0)
    values = 0.25 * np.log(generator.exponential(size=(43, 232)) + 1e-6)
    values[BEGIN:END, 20:120] += 2.5
    values[BEGIN:END, 130:170] += FAINT
    return normalize(values.astype(np.float32))


def _faint(values: NDArray[np.float32]) -> float:
    """Return how far the faint sound stands out of the noise, as a share of the loud one."""
    loud = np.argsort(values[:, 20:120].mean(axis=1))[-9:]
    quiet = np.argsort(values[:, 20:120].mean(axis=1))[:9]
    rises = values[loud].mean(axis=0) - values[quiet].mean(axis=0)
    return float(rises[140:160].mean() / rises[40:100].mean())


def test_copies_are_normalised_takes_that_their_seed_decides() -> None:
    take = _take()
    copies = [augment_spectrogram(take, np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(copies[0], copies[1])
    assert copies[0].shape == take.shape
    assert copies[0].dtype == np.float32
    assert abs(float(copies[0].mean())) < 1e-4
    assert abs(float(copies[0].std()) - 1) < 1e-2
    assert not np.array_equal(copies[0], augment_spectrogram(take, np.random.default_rng(4)))


def test_words_are_copied_with_more_noise_and_with_less() -> None:
    take = _take()
    generator = np.random.default_rng(5)
    found = [_faint(augment_spectrogram(take, generator)) for _ in range(60)]
    assert min(found) < 0.8 * _faint(take)
    assert max(found) > 1.2 * _faint(take)
    # Noise is itself whatever the room.
    noise = [_faint(augment_spectrogram(take, generator, noise=True)) for _ in range(60)]
    assert min(noise) > 0.85 * _faint(take)
    assert max(noise) < 1.15 * _faint(take)


def test_copies_are_said_sooner_and_later() -> None:
    take = _take()
    generator = np.random.default_rng(6)
    middles = []
    for _ in range(60):
        columns = augment_spectrogram(take, generator, noise=True)[:, 20:120].mean(axis=1)
        middles.append(np.flatnonzero(columns > np.quantile(columns, 0.8)).mean())
    middle = (BEGIN + END - 1) / 2
    assert min(middles) < middle - 6
    assert max(middles) > middle + 6
