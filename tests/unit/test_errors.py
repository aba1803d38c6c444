"""Every message exists in both languages, can be rendered, and is used."""

from __future__ import annotations

import ast
import string
import tomllib
from pathlib import Path

import pytest

from core import errors
from core.errors import Note, TeachdeckError, english_messages

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = ROOT / "core" / "messages"
CHINESE = ROOT / "pages" / "components" / "locales" / "zh"
SOURCES = sorted([*(ROOT / "core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")])

# Code -> where it is used, and the fields given there (None: not to be read from the source).
Uses = dict[str, list[tuple[str, set[str] | None]]]

ERROR_CLASSES = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, TeachdeckError)
}


def rooms() -> list[str]:
    return sorted(path.stem for path in ENGLISH.glob("*.toml"))


def templates(path: Path) -> dict[str, str]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        f"{family}.{key}": text
        for family, entries in tables.items()
        for key, text in entries.items()
    }


def placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def sample_fields(template: str) -> dict[str, str | int | float]:
    """Return a value for each placeholder: a number where its format asks for one."""
    fields: dict[str, str | int | float] = {}
    for _, name, layout, _ in string.Formatter().parse(template):
        if name is not None:
            fields[name] = 7 if layout and layout[-1] in "dfg%," else fields.get(name, "seven")
    return fields


def codes_in_source() -> Uses:
    """Return where each code is used: the place, and the fields given (None: not literal).

    A code also counts as used where it stands in a table of codes, or, in a family whose codes
    are put together (``f"compat.{reason}"``), where its key stands alone.
    """
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}
    nodes = [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]
    texts = {
        node.value
        for _, node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    joined = {
        str(node.values[0].value).removesuffix(".")
        for _, node in nodes
        if isinstance(node, ast.JoinedStr)
        and isinstance(node.values[0], ast.Constant)
        and str(node.values[0].value).endswith(".")
    }
    used: Uses = {}
    for known in english_messages():
        family, key = known.split(".", 1)
        if known in texts or (family in joined and key in texts):
            used[known] = []
    for path, node in nodes:
        if isinstance(node, ast.Call) and _called(node) in ERROR_CLASSES | {"Note"}:
            code, fields = _code_and_fields(node)
            if code is not None:
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                used.setdefault(code, []).append((place, fields))
    return used


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _code_and_fields(node: ast.Call) -> tuple[str | None, set[str] | None]:
    first = node.args[0] if node.args else None
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return None, None
    if _called(node) == "Note":
        given = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
        if not given:
            return first.value, set()
        keys = given[0].keys if isinstance(given[0], ast.Dict) else [None]
        names = [key.value if isinstance(key, ast.Constant) else None for key in keys]
    else:
        names = [keyword.arg for keyword in node.keywords]
    if any(name is None for name in names):
        return first.value, None
    return first.value, {str(name) for name in names}


def test_there_are_messages_to_check() -> None:
    assert "image" in rooms()
    assert len(english_messages()) > 20
    assert len(codes_in_source()) > 20


@pytest.mark.parametrize("room", rooms())
def test_both_languages_have_the_same_codes_and_placeholders(room: str) -> None:
    english = templates(ENGLISH / f"{room}.toml")
    chinese_path = CHINESE / f"errors_{room}.toml"
    assert chinese_path.is_file(), f"{chinese_path.relative_to(ROOT)} is missing"
    chinese = templates(chinese_path)
    assert sorted(chinese) == sorted(english)
    for code, template in english.items():
        assert placeholders(chinese[code]) == placeholders(template), code


def test_no_chinese_room_is_without_its_english() -> None:
    assert {path.stem.removeprefix("errors_") for path in CHINESE.glob("errors_*.toml")} == set(
        rooms()
    )


@pytest.mark.parametrize("room", rooms())
def test_every_template_renders_in_both_languages(room: str) -> None:
    paths = [ENGLISH / f"{room}.toml", CHINESE / f"errors_{room}.toml"]
    for path in filter(Path.is_file, paths):
        for code, template in templates(path).items():
            text = template.format(**sample_fields(template))
            assert text.strip() == text, code
            # What ends with a field is given a sentence of its own there.
            sentence = text[-1] in ".?!。？！" or template.endswith("}")
            assert sentence, f"{code} in {path.name} is not a sentence"
            assert "{" not in text, code


def test_every_code_in_the_source_has_its_message() -> None:
    unknown = {
        code: [place for place, _ in places]
        for code, places in codes_in_source().items()
        if code not in english_messages()
    }
    assert unknown == {}


def test_every_message_is_used() -> None:
    unused = set(english_messages()) - set(codes_in_source())
    assert sorted(unused) == []


def test_every_use_gives_the_fields_that_its_message_names() -> None:
    wrong = []
    for code, places in codes_in_source().items():
        wanted = placeholders(english_messages()[code]) if code in english_messages() else set()
        for place, fields in places:
            if fields is not None and not wanted <= fields:
                wrong.append(f"{place}: {code} lacks {sorted(wanted - fields)}")
    assert wrong == []


def test_an_error_carries_code_fields_and_sentence() -> None:
    error = errors.ImageError("image.heic", format="AVIF")
    assert error.code == "image.heic"
    assert error.fields == {"format": "AVIF"}
    assert "AVIF" in error.message
    assert str(error) == error.message


def test_a_missing_field_or_an_unknown_code_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError):
        errors.ImageError("image.heic")
    with pytest.raises(KeyError):
        errors.ImageError("image.never_defined")


def test_a_field_is_never_read_as_a_template() -> None:
    error = errors.ImageError("image.unreadable", reason="{format} {0}")
    assert "{format} {0}" in error.message


def test_a_note_renders_like_an_error() -> None:
    assert "first frame" in Note("image.note_first_frame").message
