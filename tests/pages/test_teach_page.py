"""The page "Teach pictures", driven without a browser, in both languages."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from core.datasets.samples import NewSample
from core.errors import ModelError
from core.worker import KerasWorker
from pages.components import cached, i18n, teach_exports
from pages.components.sample_cards import CardEvent
from pages.components.teach_cards import cards_of, on_event
from pages.components.teach_run import Run
from tests.picture_models import taught_model

if TYPE_CHECKING:
    from pages.components.teach_session import TeachSession

PROJECT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave TensorFlow asleep: only a training needs it."""
    monkeypatch.setattr(KerasWorker, "warm", lambda worker: None)


@pytest.fixture
def articles_network(
    home: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Put the article's MobileNet on this machine; the store belongs to the whole server."""
    monkeypatch.setenv("TEACHDECK_MODELS", str(shared_data / "mobilenet_v1_025_224"))
    cached.model_store.clear()
    yield
    cached.model_store.clear()


def _open(language: str = "en") -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=120)
    app.session_state["language"] = language
    app.switch_page("pages/teach_pictures.py").run()
    assert not app.exception
    return app


def _teach(app: AppTest) -> TeachSession:
    teach: TeachSession = app.session_state["teach_pictures"]
    return teach


def _until(condition: Callable[[], bool], *, timeout_s: float = 120) -> None:
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "it took too long"
        time.sleep(0.02)


def _settle(app: AppTest) -> TeachSession:
    """Wait until pictures are read and looked at, then draw the page anew."""
    teach = _teach(app)
    _until(lambda: teach.reading is None or not teach.reading.running)
    _until(lambda: not teach.study.running)
    app.run()
    assert not app.exception
    return teach


def _picture(number: int, shape: str = "ellipse") -> bytes:
    picture = Image.new("RGB", (96, 96), (40 + 3 * number, 90, 200 - 5 * number))
    drawing = ImageDraw.Draw(picture)
    box = (10 + number, 12, 60 + number, 70)
    getattr(drawing, shape)(box, fill=(255, 220 - number, 30))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _fill(app: AppTest, count: int = 6) -> TeachSession:
    pictures = [
        NewSample(label, _picture(number, shape), f"{label}{number}.png")
        for label, shape in (("round", "ellipse"), ("square", "rectangle"))
        for number in range(count)
    ]
    _teach(app).read(pictures)
    return _settle(app)


def _texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.info, *app.error, *app.warning, *app.success]
    return "\n".join(element.value for element in elements)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_view_offers_the_demo_set_in_all_three_steps(home: Path, language: str) -> None:
    app = _open(language)
    words = i18n.catalogue(language)
    assert app.button(key="teach_demo").label == words["teachsamples.demo"]
    steps = [words[f"teachpage.step_{name}"] for name in ("samples", "training", "try")]
    assert [heading.value for heading in app.subheader] == steps
    assert app.button(key="teach_train").disabled
    assert not app.error


def test_cards_show_each_class_with_its_count_and_thumbnails(home: Path) -> None:
    app = _open()
    teach = _fill(app, count=20)
    cards = cards_of(teach)
    assert [(card.name, card.count, card.pages) for card in cards] == [
        ("round", "20", 2),
        ("square", "20", 2),
    ]
    assert len(cards[0].tiles) == 18
    assert cards[0].tiles[0].src.startswith("data:image/jpeg;base64,")
    on_event(teach, CardEvent("page", card="round", page=1))
    assert [tile.title for tile in cards_of(teach)[0].tiles] == ["round18.png", "round19.png"]


def test_what_is_done_on_the_cards_changes_the_set_and_can_be_undone(home: Path) -> None:
    app = _open()
    teach = _fill(app)
    first = teach.samples.samples("round")[0]
    for event, classes, counts in (
        (CardEvent("rename", card="round", name="Ball 球"), ("Ball 球", "square"), (6, 6)),
        (CardEvent("down", card="Ball 球"), ("square", "Ball 球"), (6, 6)),
        (CardEvent("move_tiles", card="square", tiles=(first.id,)), None, (7, 5)),
        (CardEvent("remove_tiles", tiles=(first.id,)), None, (6, 5)),
        (CardEvent("remove", card="square"), ("Ball 球",), (5,)),
    ):
        on_event(teach, event)
        assert classes is None or teach.samples.classes == classes
        assert tuple(teach.samples.counts().values()) == counts
    app.run()
    for _ in range(5):
        app.button(key="teach_undo").click().run()
    assert teach.samples.counts() == {"round": 6, "square": 6}
    app.button(key="teach_redo").click().run()
    assert teach.samples.classes == ("Ball 球", "square")


def test_the_articles_preset_is_kept_and_sets_every_option(home: Path) -> None:
    app = _open()
    teach = _fill(app)
    app.session_state["teach_more"] = True
    app.segmented_control(key="teach_preset").set_value("article").run()
    assert not app.exception
    assert teach.preset == "article"
    app.run()
    assert app.segmented_control(key="teach_preset").value == "article"
    values = {
        name: app.number_input(key=f"teach_article_{name}").value
        for name in ("epochs", "hidden_units")
    }
    assert values == {"epochs": 20, "hidden_units": 10}
    app.number_input(key="teach_article_epochs").set_value(7).run()
    app.segmented_control(key="teach_preset").set_value("default").run()
    assert app.number_input(key="teach_default_epochs").value == 30
    app.segmented_control(key="teach_preset").set_value("article").run()
    assert app.number_input(key="teach_article_epochs").value == 7


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_name_that_is_taken_is_a_sentence_and_changes_nothing(home: Path, language: str) -> None:
    app = _open(language)
    teach = _fill(app)
    on_event(teach, CardEvent("rename", card="round", name="square"))
    app.run()
    template = i18n.catalogue(language)["samples.label_taken"]
    assert app.error[0].value.startswith(template.partition("{")[0][:8])
    assert teach.samples.classes == ("round", "square")


def test_events_that_name_what_is_gone_are_left_alone(home: Path) -> None:
    app = _open()
    teach = _fill(app)
    version = teach.samples.version
    for event in (
        CardEvent("remove_tiles", tiles=("nobody",)),
        CardEvent("rename", card="nobody", name="x"),
        CardEvent("open", tiles=("nobody",)),
        CardEvent("move_tiles", card="nobody", tiles=("nobody",)),
    ):
        on_event(teach, event)
    assert teach.samples.version == version
    assert teach.problem is None


def test_uploads_go_to_the_chosen_class_and_bad_ones_get_a_sentence(home: Path) -> None:
    app = _open()
    _fill(app)
    files = [
        ("good.png", _picture(30), "image/png"),
        ("again.png", _picture(30), "image/png"),
        ("notes.txt", b"only words", "text/plain"),
    ]
    app.file_uploader(key="teach_uploads_0").set_value(files).run()
    teach = _settle(app)
    assert teach.samples.counts() == {"round": 7, "square": 6}
    assert "notes\\.txt" in _texts(app)
    assert "left out: 1" in _texts(app)
    assert app.file_uploader(key="teach_uploads_1").value == []


def test_a_zip_of_folders_becomes_classes(home: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(3):
            archive.writestr(f"set/cat/{number}.png", _picture(number))
            archive.writestr(f"set/狗/{number}.png", _picture(number, "rectangle"))
        archive.writestr("set/cat/readme.txt", "words")
    app = _open()
    app.segmented_control(key="teach_source").set_value("zip").run()
    app.file_uploader(key="teach_zip_0").set_value(
        [("set.zip", buffer.getvalue(), "application/zip")]
    ).run()
    teach = _settle(app)
    assert teach.samples.counts() == {"cat": 3, "狗": 3}


def _give_model(app: AppTest, *, rejection: str = "probability") -> TeachSession:
    """Give the visitor a small model, as if it had been brought."""
    teach = _teach(app)
    model, network = taught_model(rejection=rejection)
    teach.keep(Run(0, "small.zip", model, network=network))
    teach.try_picture("drawn.png", _picture(3))
    app.run()
    assert not app.exception
    assert not app.error
    return teach


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_answer_names_the_best_class_or_none_of_them(home: Path, language: str) -> None:
    app = _open(language)
    teach = _give_model(app)
    best = teach.model.predict(_picture(3)).label
    app.slider(key="teach_threshold").set_value(0).run()
    assert app.subheader[-1].value.startswith(i18n.escape_markdown(best))
    app.slider(key="teach_threshold").set_value(100).run()
    assert i18n.catalogue(language)["teachtry.none"] in app.subheader[-1].value


def test_the_why_map_is_drawn_and_says_what_it_is(home: Path) -> None:
    app = _open()
    _give_model(app)
    app.toggle(key="teach_why").set_value(True).run()
    assert "map:" in _texts(app)
    assert not app.error


def test_a_wrong_answer_adds_the_picture_to_the_right_class(home: Path) -> None:
    app = _open()
    _fill(app)
    teach = _give_model(app)
    teach.try_picture("new.png", _picture(40))
    app.run()
    app.selectbox(key="teach_right").set_value("square").run()
    assert teach.samples.counts() == {"round": 6, "square": 7}
    assert teach.samples.samples("square")[-1].name == "new.png"
    assert any("square" in entry.value for entry in app.success)
    app.button(key="teach_undo").click().run()
    assert teach.samples.counts() == {"round": 6, "square": 6}


def test_a_picture_that_cannot_be_read_is_a_sentence(home: Path) -> None:
    app = _open()
    teach = _give_model(app)
    teach.try_picture("notes.txt", b"words")
    app.run()
    assert app.error[0].value == i18n.catalogue("en")["image.text"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_export_is_handed_over_with_its_proof(home: Path, language: str) -> None:
    app = _open(language)
    _give_model(app)
    app.radio(key="teach_format").set_value("tflite").run()
    app.button(key="teach_export").click().run()
    job = _teach(app).export
    _until(lambda: not job.running)
    app.run()
    assert not app.error
    assert job.export.report.max_difference <= 1e-4
    assert app.get("download_button")
    assert i18n.catalogue(language)["teachexports.proof"].partition("{")[0] in _texts(app)


def test_a_failed_export_hands_nothing_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModelError("export.differs", format="tflite", difference=0.5, limit=0.001)

    monkeypatch.setattr(teach_exports, "export_model", fail)
    app = _open()
    _give_model(app)
    app.button(key="teach_export").click().run()
    job = _teach(app).export
    _until(lambda: not job.running)
    app.run()
    assert app.error
    assert not app.get("download_button")


def test_a_project_keeps_samples_and_brings_them_back(home: Path) -> None:
    app = _open()
    teach = _fill(app)
    app.button(key="teach_prepare_project").click().run()
    content = teach.project
    other = _open("zh")
    fresh = _teach(other)
    fresh.bring({"mine.zip": content})
    _until(lambda: not fresh.bringing.running)
    other.run()
    _settle(other)
    assert fresh.samples.counts() == {"round": 6, "square": 6}
    assert fresh.samples.classes == teach.samples.classes
    assert {s.digest for s in fresh.samples.samples()} == {
        s.digest for s in teach.samples.samples()
    }


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_file_that_is_no_project_is_a_sentence(home: Path, language: str) -> None:
    app = _open(language)
    teach = _teach(app)
    teach.bring({"holiday.zip": b"PK\x03\x04 not really"})
    _until(lambda: not teach.bringing.running)
    app.run()
    assert app.error
    assert "Traceback" not in app.error[0].value


def test_the_heads_of_the_article_and_of_teachable_machine_can_be_tried(
    articles_network: None, shared_data: Path
) -> None:
    app = _open()
    teach = _teach(app)
    folder = shared_data / "brand" / "web_model"
    teach.bring({path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()})
    _until(lambda: not teach.bringing.running)
    app.run()
    assert [error.value for error in app.error] == []
    assert len(teach.model.labels) == 3
    logo = next((shared_data / "brand" / "test").iterdir())
    teach.try_picture(logo.name, logo.read_bytes())
    app.run()
    assert not app.error
    assert teach.model.predict(logo.read_bytes()).probabilities.max() > 0.5


def test_two_visitors_do_not_share_samples(home: Path) -> None:
    first, second = _open(), _open()
    _fill(first)
    second.run()
    assert not _teach(second).samples.classes
    assert not cards_of(_teach(second))


def test_a_visitor_who_left_holds_nothing(home: Path) -> None:
    app = _open()
    teach = _fill(app)
    _give_model(app)
    teach.close()
    assert not teach.samples.samples()
    assert teach.model is None
    assert teach.cache.size_bytes == 0
    app.run()
    assert _teach(app) is not teach
    assert not app.exception
