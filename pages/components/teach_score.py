"""How good it is: the estimate from the samples alone, and the same after a training."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.evaluation import Calibration, Judged, Score
from pages.components import charts
from pages.components.i18n import error_text, t
from pages.components.learning_charts import confusion_map, reliability
from pages.components.picture_strip import StripPicture, picture_strip
from pages.components.teach_session import TeachSession

__all__ = ["show_quick_score", "show_score"]

_POLL_S = 0.3
_SHOWN = 8


def show_quick_score(teach: TeachSession) -> None:
    """Draw the expected accuracy with its interval, as the samples are now."""
    study = teach.study
    if study.running:
        _watch(teach)
        return
    finding = study.finding
    if study.reference:
        st.error(t("common.unexpected", reference=study.reference), icon=":material/error:")
    elif finding is None or not teach.size:
        st.caption(t("teachscore.none_yet"))
    elif finding.error is not None:
        st.warning(error_text(finding.error), icon=":material/warning:")
    elif finding.score is not None:
        _show_accuracy(finding.score, t("teachscore.quick"), t("teachscore.quick_help"))


def _show_accuracy(score: Score, title: str, explained: str | None = None) -> None:
    low, high = score.interval
    st.metric(title, f"{100 * score.accuracy:.0f} %", help=explained)
    st.caption(t("teachscore.interval", low=100 * low, high=100 * high, count=score.count))


@st.fragment(run_every=_POLL_S)
def _watch(teach: TeachSession) -> None:
    if not teach.study.running:
        st.rerun(scope="app")
    st.progress(min(1.0, teach.study.part), t("teachscore.working", percent=100 * teach.study.part))


def show_score(teach: TeachSession) -> None:
    """Draw the whole judgement: of the samples, or of the model that is in use."""
    finding, run = teach.study.finding, teach.run
    choices = {}
    if run is not None and run.score is not None:
        choices["run"] = t("teachscore.by_run", number=run.number)
    if finding is not None and finding.score is not None:
        choices["quick"] = t("teachscore.by_quick")
    if not choices:
        st.caption(t("teachscore.none_yet"))
        return
    if len(choices) > 1:
        chosen = st.segmented_control(
            t("teachpage.tab_score"),
            list(choices),
            format_func=choices.__getitem__,
            default=next(iter(choices)),
            required=True,
            key="teach_score_of",
            label_visibility="collapsed",
        )
    else:
        chosen = next(iter(choices))
    score = run.score if chosen == "run" and run is not None else finding.score
    _show_judgement(teach, score)


def _show_judgement(teach: TeachSession, score: Score) -> None:
    matrix, pictures = st.columns(2, gap="large")
    with matrix:
        right = sum(row[place] for place, row in enumerate(score.confusion))
        _show_accuracy(score, t("teachscore.after"))
        charts.show(
            confusion_map(score.confusion, score.labels),
            key="teach_confusion",
            alt=t("teachscore.confusion_alt", right=right, count=score.count),
        )
    with pictures:
        for note in score.advice:
            st.info(error_text(note), icon=":material/lightbulb:")
        st.markdown(f"**{t('teachscore.wrong')}**")
        if score.wrong:
            _show_pictures(teach, score.wrong, "wrong")
        else:
            st.caption(t("teachscore.all_right"))
        if score.uncertain:
            st.markdown(f"**{t('teachscore.unsure')}**")
            _show_pictures(teach, score.uncertain, "unsure")
    if score.calibration is not None:
        with st.expander(t("teachscore.calibration"), icon=":material/balance:"):
            _show_calibration(score.calibration)


def _show_calibration(calibration: Calibration) -> None:
    st.markdown(t("teachscore.calibration_line", difference=100 * calibration.error))
    charts.show(
        reliability(calibration.confidences, calibration.accuracies, calibration.counts),
        key="teach_calibration",
        alt=t("teachscore.calibration_alt"),
    )


def _show_pictures(teach: TeachSession, judged: Sequence[Judged], key: str) -> None:
    pictures = []
    for entry in judged[:_SHOWN]:
        sample = teach.find(entry.sample_id)
        if sample is not None:
            pictures.append(
                StripPicture(
                    sample.id,
                    teach.thumbnails.of(sample.digest, sample.content),
                    sample.name,
                    t(
                        "teachscore.says",
                        actual=entry.label,
                        answer=entry.answer,
                        percentage=100 * entry.probability,
                    ),
                )
            )

    def choose(sample_id: str) -> None:
        sample = teach.find(sample_id)
        if sample is not None:
            teach.try_picture(sample.name, sample.content)

    picture_strip(pictures, key=f"teach_{key}", label=t(f"teachscore.{key}"), on_choose=choose)
