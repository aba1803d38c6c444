"""The original library's recogniser, with its names in snake_case and its errors."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.audio.browser_fft import BrowserFftStream
from core.errors import ModelError, UsageError
from core.speech.decide import TfjsDecider, TfjsMode
from core.speech.model import SpeechModel
from core.speech.read import ModelSource, read_speech_model

__all__ = ["RecognizeResult", "RecognizerParams", "Spectrogram", "SpeechCommands"]

_VOCABULARIES = ("18w", "directional4w")


@dataclass(frozen=True)
class RecognizerParams:
    """What the original's ``params()`` returns.

    Attributes
    ----------
    sample_rate_hz : int
    fft_size : int
        Samples between columns; the transform takes twice as many.
    spectrogram_duration_millis : float
    """

    sample_rate_hz: int
    fft_size: int
    spectrogram_duration_millis: float


@dataclass(frozen=True, eq=False)
class Spectrogram:
    """A spectrogram as the original hands it out.

    Attributes
    ----------
    data : ndarray of float32, shape (frames * frame_size,)
        Column after column.
    frame_size : int
        Values in a column.
    """

    data: NDArray[np.float32]
    frame_size: int


@dataclass(frozen=True, eq=False)
class RecognizeResult:
    """What was recognised.

    Attributes
    ----------
    scores : ndarray of float32, shape (labels,) or (n, labels)
        In the order of `word_labels`; two dimensions where several spectrograms were given.
    spectrogram : Spectrogram or None
        What was asked about. From `listen` it is in dB and not normalised.
    embedding : ndarray of float32, shape (n, units), or None
    """

    scores: NDArray[np.float32]
    spectrogram: Spectrogram | None = None
    embedding: NDArray[np.float32] | None = None


class SpeechCommands:
    """Recognise words as @tensorflow-models/speech-commands 0.5.4 does; one thread at a time.

    Parameters
    ----------
    model : SpeechModel

    Examples
    --------
    >>> recognizer = SpeechCommands.create("BROWSER_FFT", model="web_model")  # doctest: +SKIP
    >>> recognizer.word_labels()[2:4]  # doctest: +SKIP
    ('down', 'eight')
    """

    def __init__(self, model: SpeechModel) -> None:
        self.model = model
        # The original's spectrograms are never floored.
        self._front_end = replace(model.front_end, floor_db=None)
        self._listening: _Listening | None = None

    @classmethod
    def create(
        cls,
        fft_type: str = "BROWSER_FFT",
        vocabulary: str | None = None,
        model: ModelSource | SpeechModel | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> SpeechCommands:
        """Return a recogniser, as the original's ``create``.

        Parameters
        ----------
        fft_type : {"BROWSER_FFT"}, optional
        vocabulary : {"18w", "directional4w"}, optional
            An official model, which is downloaded when it is not on this machine.
        model : path, bytes, mapping or SpeechModel, optional
            A custom model instead; its metadata.json is found beside it. With neither, the
            default model.
        metadata : mapping, optional
            Instead of the metadata.json.

        Returns
        -------
        SpeechCommands

        Raises
        ------
        UsageError
            If the arguments contradict each other, in the original's words.
        TeachdeckError
            If the model cannot be had.
        """
        if fft_type == "SOFT_FFT":
            raise UsageError("speech.soft_fft")
        if fft_type != "BROWSER_FFT":
            raise UsageError("speech.fft_type", value=str(fft_type)[:40])
        if model is not None and vocabulary is not None:
            raise UsageError("speech.vocabulary_with_model", vocabulary=str(vocabulary)[:40])
        if metadata is not None and model is None:
            raise UsageError("speech.metadata_without_model")
        if vocabulary is not None and vocabulary not in _VOCABULARIES:
            raise UsageError("speech.vocabulary", value=str(vocabulary)[:40])
        if isinstance(model, SpeechModel):
            return cls(model)
        if model is not None:
            return cls(read_speech_model(model, metadata=metadata))
        from core.speech.store import default_store

        store = default_store()
        return cls(store.load(f"official-{vocabulary}" if vocabulary else store.default_id()))

    def word_labels(self) -> tuple[str, ...]:
        """Return the labels in the order of the scores."""
        return self.model.labels

    def params(self) -> RecognizerParams:
        """Return sample rate, "fftSize" and length of a spectrogram."""
        front_end = self._front_end
        return RecognizerParams(
            front_end.rate_hz, front_end.hop_length, front_end.frames * front_end.hop_s * 1000
        )

    def model_input_shape(self) -> tuple[None, int, int, int]:
        """Return the network's input shape, with None for the batch."""
        frames, bins, channels = self.model.input_shape
        return (None, frames, bins, channels)

    def is_listening(self) -> bool:
        """Say whether `listen` was called and not `stop_listening`."""
        return self._listening is not None

    def recognize(
        self,
        spectrograms: NDArray[np.floating],
        *,
        include_spectrogram: bool = False,
        include_embedding: bool = False,
    ) -> RecognizeResult:
        """Recognise spectrograms. They are not normalised here: the caller does that.

        Parameters
        ----------
        spectrograms : ndarray of float, shape (n, frames, bins, 1) or (n * frames * bins,)
        include_spectrogram, include_embedding : bool, optional

        Returns
        -------
        RecognizeResult

        Raises
        ------
        ModelError
            If the shape is another, in the original's words.
        """
        values = np.asarray(spectrograms, np.float32)
        shape = self.model.input_shape
        per_example = math.prod(shape)
        if values.ndim == 1:
            if len(values) == 0 or len(values) % per_example:
                raise ModelError("speech.length", length=len(values), elements=per_example)
            values = values.reshape(-1, *shape)
        if values.ndim != 4:
            raise ModelError("speech.tensor_rank", rank=values.ndim)
        if values.shape[1:] != shape or not len(values):
            raise ModelError(
                "speech.tensor_shape",
                expected=",".join(map(str, shape)),
                received=",".join(map(str, values.shape[1:])),
            )
        if include_embedding and self.model.embedding_units is None:
            raise ModelError("speech.no_embedding", model=self.model.title)
        outputs = self.model.run(np.ascontiguousarray(values))
        return RecognizeResult(
            scores=outputs.scores[0] if len(values) == 1 else outputs.scores,
            spectrogram=Spectrogram(values.ravel(), shape[1]) if include_spectrogram else None,
            embedding=outputs.embedding if include_embedding else None,
        )

    def listen(
        self,
        callback: Callable[[RecognizeResult], object],
        *,
        probability_threshold: float = 0.0,
        overlap_factor: float = 0.5,
        suppression_time_millis: float = 0.0,
        invoke_callback_on_noise_and_unknown: bool = False,
        include_spectrogram: bool = False,
        include_embedding: bool = False,
    ) -> None:
        """Begin to listen to what `push` brings.

        Parameters
        ----------
        callback : callable
            Called with a :class:`RecognizeResult` at each event, by the thread that pushes.
        probability_threshold, overlap_factor, suppression_time_millis
            As in :class:`TfjsMode`.
        invoke_callback_on_noise_and_unknown : bool, optional
        include_spectrogram : bool, optional
        include_embedding : bool, optional
            Sets the threshold to 0 and reports noise and unknown words, as in the original.

        Raises
        ------
        UsageError
            If it listens already or an option cannot be, in the original's words.
        """
        if self._listening is not None:
            raise UsageError("speech.already_streaming")
        mode = TfjsMode(
            probability_threshold=0.0 if include_embedding else probability_threshold,
            overlap_factor=overlap_factor,
            suppression_time_millis=suppression_time_millis,
            invoke_callback_on_noise_and_unknown=(
                invoke_callback_on_noise_and_unknown or include_embedding
            ),
        )
        if include_embedding and self.model.embedding_units is None:
            raise ModelError("speech.no_embedding", model=self.model.title)
        front_end = self._front_end
        self._listening = _Listening(
            callback,
            BrowserFftStream(front_end),
            TfjsDecider(mode, self.model.labels, frames=front_end.frames, hop_s=front_end.hop_s),
            np.zeros((front_end.frames, front_end.bins), np.float32),
            include_spectrogram,
            include_embedding,
        )

    def push(self, samples: NDArray[np.floating]) -> None:
        """Bring sound: this stands in for the original's microphone.

        Parameters
        ----------
        samples : ndarray of float, shape (n,)
            One channel at 44.1 kHz.

        Raises
        ------
        UsageError
            If it does not listen.
        AudioError
            If the samples are not finite numbers of one channel.
        """
        listening = self._listening
        if listening is None:
            raise UsageError("speech.not_streaming")
        columns = listening.stream.push(samples)
        for number, (column, silent) in enumerate(
            zip(columns.decibels, columns.silent, strict=True)
        ):
            # The callback may have called stop_listening.
            if self._listening is not listening:
                return
            if not silent:
                self._tick(listening, column, number)

    def stop_listening(self) -> None:
        """End what `listen` began.

        Raises
        ------
        UsageError
            If it does not listen.
        """
        if self._listening is None:
            raise UsageError("speech.not_streaming")
        self._listening = None

    def _tick(self, listening: _Listening, column: NDArray[np.float32], number: int) -> None:
        listening.queue = np.concatenate([listening.queue[1:], column[np.newaxis]])
        if not listening.decider.tick():
            return
        features = self._front_end.normalize(listening.queue)[np.newaxis, ..., np.newaxis]
        outputs = self.model.run(features)
        if listening.decider.decide(number, outputs.scores[0]) is None:
            return
        data = listening.queue.ravel().copy() if listening.include_spectrogram else None
        listening.callback(
            RecognizeResult(
                scores=outputs.scores[0],
                spectrogram=None if data is None else Spectrogram(data, self._front_end.bins),
                embedding=outputs.embedding if listening.include_embedding else None,
            )
        )


@dataclass
class _Listening:
    """What one call of `listen` keeps."""

    callback: Callable[[RecognizeResult], object]
    stream: BrowserFftStream
    decider: TfjsDecider
    queue: NDArray[np.float32]
    include_spectrogram: bool
    include_embedding: bool
