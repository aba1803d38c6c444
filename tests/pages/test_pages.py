"""The pages, driven without a browser, in both languages."""

from __future__ import annotations

import ast
import io
import re
import string
import tomllib
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.errors import english_messages
from pages.components import i18n
from pages.components.cells import harmless
from pages.components.site import PAGES

PROJECT = Path(__file__).resolve().parent.parent.parent
LOCALES = PROJECT / "pages" / "components" / "locales"


def _texts(language: str) -> dict[str, str]:
    texts = {}
    for path in sorted((LOCALES / language).glob("*.toml")):
        if not path.name.startswith("errors_"):
            for family, entries in tomllib.loads(path.read_text(encoding="utf-8")).items():
                texts.update({f"{family}.{key}": text for key, text in entries.items()})
    return texts


def _placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _png(colour: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (320, 240), colour).save(buffer, "PNG")
    return buffer.getvalue()


def _open(home: Path, page: str, language: str) -> AppTest:
    app = AppTest.from_file(str(PROJECT / "app.py"), default_timeout=60)
    app.session_state["language"] = language
    app.switch_page(page).run()
    assert not app.exception
    return app


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    english, chinese = _texts("en"), _texts("zh")
    assert english.keys() == chinese.keys()
    for key in english:
        assert _placeholders(english[key]) == _placeholders(chinese[key]), key


def _built_keys(sources: list[str]) -> list[re.Pattern[str]]:
    """Return what keys look like that are completed at run time, such as "show.action_{name}"."""
    patterns = []
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.JoinedStr) and "." in ast.unparse(node):
                parts = [
                    re.escape(str(part.value)) if isinstance(part, ast.Constant) else "([a-z0-9_]+)"
                    for part in node.values
                ]
                if re.match(r"[a-z_]+\\\.", parts[0]):
                    patterns.append(re.compile("".join(parts)))
    return patterns


def test_every_key_is_used_and_every_used_key_exists() -> None:
    pages = [
        path.read_text(encoding="utf-8")
        for path in [PROJECT / "app.py", *(PROJECT / "pages").rglob("*.py")]
    ]
    core = [path.read_text(encoding="utf-8") for path in (PROJECT / "core").rglob("*.py")]
    words = set(re.findall(r"""["']([\w.-]+)["']""", "\n".join(pages)))
    # What completes a key is a word of the pages or of the model layer: a state, a format's id.
    completing = words | set(re.findall(r"""["']([\w-]+)["']""", "\n".join(core)))
    built = _built_keys(pages)

    def used(key: str) -> bool:
        found = (pattern.fullmatch(key) for pattern in built)
        return key in words or any(
            all({part, part.replace("_", "-")} & completing for part in match.groups())
            for match in found
            if match is not None
        )

    assert [key for key in _texts("en") if not used(key)] == []
    called = set(re.findall(r'\bt\(\s*"([a-z_.]+[a-z_])"[,)\s]', "\n".join(pages)))
    assert sorted(called - i18n.catalogue("en").keys()) == []


def test_no_page_has_words_of_its_own() -> None:
    """Text goes through the catalogue; only names that no language translates stay."""
    admitted = {"Teachdeck", "Language · 语言", ""}  # an icon alone has no words
    widgets = {"title", "header", "subheader", "markdown", "button", "caption", "info", "write"}
    for path in (PROJECT / "pages").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in widgets
                and "log" not in ast.unparse(node.func.value).lower()
                and not ast.unparse(node.func).startswith("logging.")
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                assert node.args[0].value in admitted, f"{path}: {node.args[0].value!r}"


def test_every_page_is_a_file_under_200_lines_without_numpy() -> None:
    for entry in PAGES:
        source = (PROJECT / entry.path).read_text(encoding="utf-8")
        assert len(source.splitlines()) < 200
        assert not re.search(r"import (numpy|tensorflow|keras)", source)


@pytest.mark.parametrize(("language", "word"), [("en", "sure"), ("zh", "的把握")])
def test_predict_names_a_sample_at_once(home: Path, language: str, word: str) -> None:
    app = _open(home, "pages/predict_pictures.py", language)
    assert word in app.subheader[0].value
    assert not app.error


def test_classes_have_chinese_names_on_the_chinese_page(home: Path) -> None:
    app = _open(home, "pages/predict_pictures.py", "zh")
    assert "daisy" not in app.subheader[0].value
    assert "雏菊" in app.subheader[0].value


@pytest.mark.parametrize("language", ["en", "zh"])
def test_home_shows_a_computed_example(home: Path, language: str) -> None:
    app = _open(home, "pages/home.py", language)
    assert app.title[0].value == "Teachdeck"
    assert not app.error
    assert any("EfficientNet" in caption.value for caption in app.caption)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_bad_upload_is_a_sentence_in_the_visitors_language(home: Path, language: str) -> None:
    app = _open(home, "pages/predict_pictures.py", language)
    app.segmented_control(key="source").set_value("upload").run()
    app.file_uploader(key="uploads").set_value([("notes.png", b"words", "image/png")]).run()
    assert app.error[0].value == i18n.catalogue(language)["image.text"]
    assert not app.exception


def test_one_bad_file_does_not_stop_the_rest(home: Path) -> None:
    app = _open(home, "pages/predict_pictures.py", "en")
    app.segmented_control(key="source").set_value("upload").run()
    files = [
        ("one.png", _png("teal"), "image/png"),
        ("bad.png", b"", "image/png"),
        ("two.png", _png("red"), "image/png"),
    ]
    app.file_uploader(key="uploads").set_value(files).run()
    assert app.subheader[0].value.startswith("2 pictures")
    assert list(app.dataframe[0].value["File"]) == ["one.png", "two.png"]
    assert any("bad\\.png" in text.value for text in app.markdown)


def test_the_filter_keeps_only_sure_answers(home: Path) -> None:
    app = _open(home, "pages/predict_pictures.py", "en")
    app.segmented_control(key="source").set_value("upload").run()
    files = [("one.png", _png("teal"), "image/png"), ("two.png", _png("red"), "image/png")]
    app.file_uploader(key="uploads").set_value(files).run()
    app.slider(key="least_confidence").set_value(100).run()
    assert any(caption.value == "0 of 2 pictures" for caption in app.caption)


def test_the_why_map_says_that_it_is_exact(home: Path) -> None:
    app = _open(home, "pages/predict_pictures.py", "en")
    app.toggle(key="why").set_value(True).run()
    assert any("exact" in caption.value for caption in app.caption)


def test_the_picker_lists_models_with_their_state_and_keeps_answering(home: Path) -> None:
    app = _open(home, "pages/predict_pictures.py", "en")
    picker = app.selectbox(key="model")
    assert any("ready" in option for option in picker.options)
    to_download = [option for option in picker.options if "download" in option]
    assert to_download
    picker.select_index(picker.options.index(to_download[0])).run()
    assert "sure" in app.subheader[0].value
    assert app.button(key="get_model").label.startswith("Get this model")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx"])
def test_spreadsheet_formulas_in_file_names_are_disarmed(text: str) -> None:
    assert harmless(text) == "'" + text


def test_markup_in_file_names_is_shown_letter_by_letter() -> None:
    assert i18n.escape_markdown("<b>*x*</b>") == r"\<b\>\*x\*\</b\>"


def test_every_error_has_a_chinese_sentence() -> None:
    assert english_messages().keys() <= i18n.catalogue("zh").keys()
