"""Hear words in sound: the recogniser, live or from files."""

from core.speech.decide import (
    ARTICLE_MODE,
    Mode,
    SmoothMode,
    TfjsMode,
    WordEvent,
    decide,
    smooth_scores,
)
from core.speech.evaluate import Evaluation, evaluate_folder
from core.speech.labels import BACKGROUND_NOISE_TAG, UNKNOWN_TAG
from core.speech.model import QUIET_FLOOR_DB, SpeechModel, SpeechOutputs
from core.speech.pipe import ListeningPipe, Snapshot
from core.speech.read import read_speech_model
from core.speech.recognizer import RecognizeResult, SpeechCommands
from core.speech.scorer import ScoredSound, StreamScorer, score_sound
from core.speech.store import SpeechModelStatus, SpeechModelStore, default_store, load_model
from core.speech.track import STEP_S, ScoreTrack

__all__ = [
    "ARTICLE_MODE",
    "BACKGROUND_NOISE_TAG",
    "QUIET_FLOOR_DB",
    "STEP_S",
    "UNKNOWN_TAG",
    "Evaluation",
    "ListeningPipe",
    "Mode",
    "RecognizeResult",
    "ScoreTrack",
    "ScoredSound",
    "SmoothMode",
    "Snapshot",
    "SpeechCommands",
    "SpeechModel",
    "SpeechModelStatus",
    "SpeechModelStore",
    "SpeechOutputs",
    "StreamScorer",
    "TfjsMode",
    "WordEvent",
    "decide",
    "default_store",
    "evaluate_folder",
    "load_model",
    "read_speech_model",
    "score_sound",
    "smooth_scores",
]
