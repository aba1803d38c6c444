"""Teaching on the page "Teach words": the score after every take, and the original's training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.errors import Note
from core.speech.labels import UNKNOWN_TAG
from core.speech.train_words import TfjsSettings
from pages.components import cached, charts
from pages.components.i18n import error_text, escape_markdown, t
from pages.components.learning_charts import Curve, learning_curves
from pages.components.words_base import choose_base
from pages.components.words_session import WordsSession, shown_label

__all__ = ["show_score", "show_training"]

_POLL_S = 0.3


def show_training(words: WordsSession) -> None:
    """Draw how well the words are told apart, and the choice of how they are taught."""
    preset = st.segmented_control(
        t("wordspage.preset"),
        ("few", "tfjs"),
        format_func={"few": t("wordspage.preset_few"), "tfjs": t("wordspage.preset_tfjs")}.get,
        default="few",
        required=True,
        key="words_preset",
        persist_state="session",
        width="stretch",
    )
    choose_base(words)
    if preset == "tfjs":
        cached.keras_worker().warm()
        _show_tfjs(words)
        return
    st.caption(t("wordspage.few_help"))
    _show_summary(words)


def _show_summary(words: WordsSession) -> None:
    if words.not_yet is not None:
        st.info(error_text(words.not_yet), icon=":material/hourglass_empty:")
        return
    if words.model is None:
        st.info(t("wordspage.not_taught"), icon=":material/hourglass_empty:")
        return
    score = words.score
    if score is not None and score.accuracy is not None:
        low, high = score.score.interval
        accuracy, noise = st.columns(2)
        accuracy.metric(t("wordspage.accuracy"), f"{100 * score.accuracy:.0f} %")
        if score.noise_recall is not None:
            noise.metric(t("wordspage.noise_recall"), f"{100 * score.noise_recall:.0f} %")
        st.caption(t("wordspage.interval", low=100 * low, high=100 * high, count=score.score.count))
        if score.pair is not None:
            first, second, share = score.pair
            st.markdown(
                t(
                    "wordspage.pair",
                    first=escape_markdown(first),
                    second=escape_markdown(second),
                    share=100 * share,
                )
            )
        # Other speech comes with the project: no takes of it are needed.
        wanted = [note for note in score.score.advice if UNKNOWN_TAG not in note.fields.values()]
        for note in wanted[:3]:
            named = {
                name: shown_label(value) if isinstance(value, str) else value
                for name, value in note.fields.items()
            }
            st.caption(error_text(Note(note.code, named)))
    for note in words.teach_notes:
        st.warning(error_text(note), icon=":material/info:")
    if words.trained_as_tfjs:
        st.caption(t("wordspage.in_use_tfjs"))


def _show_tfjs(words: WordsSession) -> None:
    st.caption(t("wordspage.tfjs_help"))
    epochs = st.number_input(
        t("wordspage.epochs"), 1, 1000, 30, key="words_epochs", persist_state="session"
    )
    with st.expander(t("wordspage.options")):
        mixing = st.slider(
            t("wordspage.mixing"), 0.0, 1.0, 0.0, 0.05, key="words_mixing", persist_state="session"
        )
        hop = st.slider(
            t("wordspage.hop"), 0.05, 1.0, 0.25, 0.05, key="words_hop", persist_state="session"
        )
        tuning = st.number_input(
            t("wordspage.tuning"), 0, 1000, 0, key="words_tuning", persist_state="session"
        )
        held = st.slider(
            t("wordspage.held"), 0.0, 0.5, 0.0, 0.05, key="words_held", persist_state="session"
        )
    settings = TfjsSettings(
        epochs=int(epochs),
        augment_by_mixing_noise_ratio=mixing or None,
        window_hop_ratio=hop,
        fine_tuning_epochs=int(tuning),
        validation_split=held,
    )
    running = words.training is not None and not words.training.job.finished
    ready = sum(count > 0 for count in words.samples.counts().values()) > 1
    with st.container(horizontal=True):
        st.button(
            t("wordspage.train"),
            key="words_train",
            type="primary",
            icon=":material/model_training:",
            disabled=running or not ready,
            on_click=words.train,
            args=(settings,),
        )
        st.button(
            t("wordspage.go_on"),
            key="words_go_on",
            icon=":material/resume:",
            disabled=running or not words.trained_as_tfjs,
            on_click=words.train,
            args=(settings,),
            kwargs={"go_on": True},
        )
    if words.training is not None:
        _watch(words, running=running)


def _watch(words: WordsSession, *, running: bool) -> None:
    @st.fragment(run_every=_POLL_S if running else None)
    def follow() -> None:
        training = words.training
        if training is None:
            return
        job = training.job
        updates = [update for update in job.updates() if "epoch" in update]
        if running:
            done = updates[-1]["epoch"] / updates[-1]["epochs"] if updates else 0.0
            text = t("wordspage.epoch", epoch=len(updates)) if updates else t("wordspage.starting")
            st.progress(min(1.0, done), text)
            st.button(
                t("wordspage.stop"), key="words_stop", icon=":material/stop:", on_click=job.stop
            )
        if updates:
            last = updates[-1]
            charts.show(
                learning_curves(_curves(updates), epochs=last["epochs"], first=1),
                key="words_curves",
                alt=t(
                    "wordspage.curves_alt",
                    epochs=len(updates),
                    loss=last["loss"],
                    accuracy=100 * last["accuracy"],
                ),
            )
            st.caption(t("wordspage.learned", loss=last["loss"], accuracy=100 * last["accuracy"]))
        if running and job.finished:
            st.rerun(scope="app")

    follow()


def _curves(updates: Sequence[Mapping[str, Any]]) -> list[Curve]:
    """Return the lines of a training, and of what was held out of it."""
    kinds = [("", t("learn.training")), ("val_", t("learn.validation"))]
    return [
        Curve(
            name,
            [update[f"{kind}accuracy"] for update in updates],
            [update[f"{kind}loss"] for update in updates],
            held_out=bool(kind),
            colour=place,
        )
        for place, (kind, name) in enumerate(kinds)
        if f"{kind}loss" in updates[-1]
    ]


def show_score(words: WordsSession) -> None:
    """Draw which word was taken for which, each take judged by a head that had not heard it."""
    if words.score is None:
        not_yet = words.not_yet
        st.caption(t("wordspage.not_taught") if not_yet is None else error_text(not_yet))
        return
    score = words.score.score
    cached.load_table_libraries()
    said = {label: shown_label(label) for label in score.labels}
    st.dataframe(
        [
            {t("wordspage.is"): said[label]}
            | {said[other]: count for other, count in zip(score.labels, row, strict=True)}
            for label, row in zip(score.labels, score.confusion, strict=True)
            if sum(row)
        ],
        hide_index=True,
        key="words_confusion",
    )
    st.caption(t("wordspage.confusion_help", folds=score.folds))
    samples = words.samples.samples()
    for entry in score.wrong[:8]:
        sample = samples[int(entry.sample_id)]
        place = [other.id for other in words.samples.samples(sample.label)].index(sample.id) + 1
        st.markdown(
            t(
                "wordspage.wrong",
                number=place,
                word=escape_markdown(shown_label(entry.label)),
                answer=escape_markdown(shown_label(entry.answer)),
                share=100 * entry.probability,
            )
        )
