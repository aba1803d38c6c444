"""What the batches of each stage are made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["MIXES", "SOURCES", "Mix"]

SOURCES = ("train", "digits", "one_speaker", "voice")


@dataclass(frozen=True)
class Mix:
    """What a batch is made of, as shares.

    Parameters
    ----------
    unknown, noise : float
        Of the batch; the rest is words, every word as often as every other.
    kinds : dict of str to float
        Of the unknown.
    word_sources, scarce_sources : tuple of float
        Where words come from, in the order of ``SOURCES``: real recordings first, the rest fills
        in what is scarce.
    context : float
        Of the words that have another word at the window's edge.
    noisy : float
        Of the speech that has something mixed into it.
    in_babble : float
        Of the noisy speech in which others talk.
    babble_db : tuple of float
        Lowest and highest level of the speech over the babble.
    """

    unknown: float
    noise: float
    kinds: dict[str, float]
    word_sources: tuple[float, ...]
    scarce_sources: tuple[float, ...]
    context: float
    noisy: float = 0.5
    in_babble: float = 0.35
    babble_db: tuple[float, float] = (0.0, 30.0)


# After the other stages, what the network itself took for words in other speech; and more of "off",
# which is taken for "up" most often.
_HARD = Mix(
    unknown=0.46,
    noise=0.05,
    kinds={
        "on": 0.08,
        "off": 0.13,
        "common": 0.09,
        "rare": 0.08,
        "confusable": 0.1,
        "spliced": 0.02,
        "running": 0.11,
        "babble": 0.03,
        "cut": 0.03,
        "heard": 0.28,
        "any": 0.05,
    },
    # Most of that speech is synthesised: were no word so, the sound of a synthesiser would itself
    # be a sign of the unknown.
    word_sources=(0.84, 0.05, 0.01, 0.1),
    scarce_sources=(0.56, 0.23, 0.04, 0.17),
    context=0.04,
    noisy=0.55,
    in_babble=0.5,
    babble_db=(2.0, 20.0),
)

# Once more, with what the network still took for words, most of it in recorded voices.
_AGAIN = replace(
    _HARD,
    unknown=0.48,
    kinds={
        "on": 0.08,
        "off": 0.12,
        "common": 0.09,
        "rare": 0.08,
        "confusable": 0.1,
        "spliced": 0.02,
        "running": 0.05,
        "babble": 0.03,
        "cut": 0.03,
        "heard": 0.15,
        "again": 0.2,
        "any": 0.05,
    },
)

MIXES = {
    # Clips of one second: most of the training.
    "clips": Mix(
        unknown=0.28,
        noise=0.1,
        kinds={
            "on": 0.17,
            "off": 0.15,
            "common": 0.17,
            "rare": 0.14,
            "confusable": 0.13,
            "spliced": 0.06,
            "running": 0.12,
            "babble": 0.02,
            "cut": 0.04,
        },
        word_sources=(0.86, 0.07, 0.01, 0.06),
        scarce_sources=(0.52, 0.24, 0.04, 0.2),
        context=0.12,
    ),
    # Running speech for a third of the unknown: a word counts where it is said for itself. Words in
    # babble are what was missed most; real voices babble too.
    "babble": Mix(
        unknown=0.38,
        noise=0.06,
        kinds={
            "on": 0.1,
            "off": 0.13,
            "common": 0.11,
            "rare": 0.1,
            "confusable": 0.12,
            "spliced": 0.04,
            "running": 0.34,
            "babble": 0.03,
            "cut": 0.03,
        },
        word_sources=(0.9, 0.06, 0.01, 0.03),
        scarce_sources=(0.58, 0.25, 0.04, 0.13),
        context=0.05,
        noisy=0.6,
        in_babble=0.5,
        babble_db=(2.0, 20.0),
    ),
    "hard": _HARD,
    "again": _AGAIN,
    # The same with a few more words, recorded ones.
    "again_longer": replace(
        _AGAIN,
        unknown=0.46,
        word_sources=(0.88, 0.05, 0.01, 0.06),
        scarce_sources=(0.58, 0.24, 0.04, 0.14),
    ),
}
