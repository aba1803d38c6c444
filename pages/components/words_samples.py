"""The takes of the page "Teach words": record, look at, listen to, move and delete them."""

from __future__ import annotations

import streamlit as st

from core.audio import encode_wav
from core.imaging.encode import thumbnail_url
from core.speech.labels import BACKGROUND_NOISE_TAG
from core.speech.word_samples import spectrogram_pixels
from pages.components.i18n import error_text, escape_markdown, t
from pages.components.words_session import WordsSession, shown_label

__all__ = ["show_samples"]

_ARTICLE_WORDS = ("上一张", "下一张")
_RATE_HZ = 44_100


def show_samples(words: WordsSession) -> None:
    """Draw the recorder and the takes of every word."""
    _show_recorder(words)
    if not words.samples.classes:
        st.info(t("wordspage.nothing_yet"), icon=":material/lightbulb:")
        st.button(
            t("wordspage.demo"),
            key="words_demo",
            type="primary",
            icon=":material/auto_awesome:",
            on_click=words.load_demo,
            width="stretch",
        )
        st.caption(t("wordspage.demo_help"))
    for note in words.notes:
        st.caption(error_text(note))
    if words.skipped:
        with st.expander(t("wordspage.skipped", count=len(words.skipped))):
            for name, error in words.skipped[:50]:
                st.markdown(f"**{escape_markdown(name)}**: {error_text(error)}")
    for label in words.samples.classes:
        _show_word(words, label)
    _show_undo(words)


def _show_recorder(words: WordsSession) -> None:
    noise = t("wordspage.noise")
    *own, tag = words.word_labels()
    known = dict.fromkeys([*own, *_ARTICLE_WORDS, shown_label(tag)])
    chosen = st.selectbox(
        t("wordspage.word"),
        list(known),
        accept_new_options=True,
        key="words_label",
        help=t("wordspage.word_help"),
    )
    label = BACKGROUND_NOISE_TAG if chosen == noise else chosen
    number = words.recordings
    recorded = st.audio_input(
        t("wordspage.record"),
        sample_rate=_RATE_HZ,
        key=f"words_record_{number}",
        help=t("wordspage.record_help"),
    )
    st.caption(
        t("wordspage.record_noise" if label == BACKGROUND_NOISE_TAG else "wordspage.record_word")
    )
    if recorded is not None and label:
        words.record(str(label), recorded.getvalue())
        # A fresh recorder: the next take is one press away.
        words.recordings += 1
        st.rerun()


def _show_word(words: WordsSession, label: str) -> None:
    samples = words.samples.samples(label)
    flagged = [sample for sample in samples if words.checks(sample)]
    mark = t("wordspage.flagged", count=len(flagged)) if flagged else ""
    title = f"**{escape_markdown(shown_label(label))}** · {len(samples)}{mark}"
    with st.expander(title, expanded=len(words.samples.classes) < 4):
        if not samples:
            st.caption(t("wordspage.no_takes"))
        else:
            numbers = {sample.id: number for number, sample in enumerate(samples, start=1)}
            flags = {sample.id for sample in flagged}
            chosen = st.pills(
                t("wordspage.takes"),
                list(numbers),
                format_func=lambda key: f"{numbers[key]}{'!' if key in flags else ''}",
                key=f"words_takes_{label}",
                label_visibility="collapsed",
            )
            if chosen is not None:
                _show_take(words, label, chosen)
        st.button(
            t("wordspage.remove_word"),
            key=f"words_remove_{label}",
            icon=":material/delete:",
            on_click=words.change,
            args=(words.samples.remove_class, label),
        )


def _show_take(words: WordsSession, label: str, sample_id: str) -> None:
    sample = words.samples.get(sample_id)
    example = words.example(sample)
    picture = thumbnail_url(spectrogram_pixels(example.spectrogram), max_side_px=232)
    st.image(picture, width=160, alt=t("wordspage.spectrogram_alt", word=shown_label(label)))
    if example.audio is None:
        st.caption(t("wordspage.no_audio"))
    else:
        st.audio(encode_wav(example.audio, rate_hz=int(example.rate_hz)), format="audio/wav")
    for note in words.checks(sample):
        st.warning(error_text(note), icon=":material/hearing:")
    others = [other for other in words.word_labels() if other != label]
    with st.container(horizontal=True):
        st.button(
            t("wordspage.delete"),
            key=f"words_delete_{sample_id}",
            icon=":material/delete:",
            on_click=words.change,
            args=(words.samples.remove, [sample_id]),
        )
        with st.popover(t("wordspage.move"), icon=":material/drive_file_move:"):
            for other in others:
                st.button(
                    escape_markdown(shown_label(other)),
                    key=f"words_move_{sample_id}_{other}",
                    on_click=words.change,
                    args=(words.samples.move, [sample_id], other),
                )


def _show_undo(words: WordsSession) -> None:
    with st.container(horizontal=True):
        st.button(
            t("wordspage.undo"),
            key="words_undo",
            icon=":material/undo:",
            disabled=not words.samples.can_undo,
            on_click=words.change,
            args=(words.samples.undo,),
        )
        with st.popover(t("wordspage.forget"), icon=":material/delete_forever:"):
            st.markdown(t("wordspage.forget_help"))
            st.button(
                t("wordspage.forget_now"),
                key="words_forget",
                type="primary",
                on_click=words.delete_recordings,
            )
    st.caption(t("wordspage.privacy"), help=t("wordspage.privacy_help"))
