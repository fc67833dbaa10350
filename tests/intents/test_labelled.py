"""Labelled messages come from files of several kinds; what is wrong with one is said in one sentence with its place."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intents.errors import LabelledError
from intents.labelled import TIER_KEYS, read_labelled


def pairs(path: Path, name: str = "", **options: object) -> list[tuple[str, str]]:
    found = read_labelled([name or str(path)], **options)  # type: ignore[arg-type]
    return list(zip(found.texts, found.labels, strict=True))


def written(folder: Path, content: str | bytes, name: str = "rows") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "text,label\nhello there,greet\nbye,leave\n",
        "\ufefftext,category\r\nhello there,greet\r\nbye,leave",
        'sentence,intent\n"hello there",greet\n\nbye,leave\n',
        "id,Utterance, Label \n1,hello there,greet\n2,bye,leave\n",
        "label\ttext\ngreet\thello there\nleave\tbye\n",
        "text;label\nhello there;greet\nbye;leave\n",
        '{"text": "hello there", "label": "greet"}\n\n{"utterance": "bye", "intent": "leave"}\n',
        '[{"text": "hello there", "label": "greet"}, ["bye", "leave"]]',
        '{"train": [["hello there", "greet"], ["bye", "leave"]], "test": [["no", "no"]]}',
    ],
)
def test_what_a_file_is_is_told_by_its_content(tmp_path: Path, content: str) -> None:
    assert pairs(written(tmp_path, content)) == [("hello there", "greet"), ("bye", "leave")]


def test_quotation_marks_hold_commas_line_ends_and_themselves(tmp_path: Path) -> None:
    path = written(tmp_path, 'text,label\n"a, ""b""\nand c",x\nd,y\n')
    rows = read_labelled([str(path)]).rows
    assert [(row.text, row.line) for row in rows] == [('a, "b"\nand c', 2), ("d", 4)]


def test_parts_of_one_json_file(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"train": [["a", "x"]], "val": [["b", "y"]], "oos_val": [["c", "oos"]]}))
    assert pairs(path, f"{path}:val+oos_val") == [("b", "y"), ("c", "oos")]
    with pytest.raises(LabelledError, match="no part 'test'; it has train, val, oos_val"):
        pairs(path, parts=("test",))


def test_a_file_of_texts_finds_its_labels_beside_it(tmp_path: Path) -> None:
    texts = written(tmp_path, "a\nb\n", "some.seq.in")
    with pytest.raises(LabelledError, match=r"some\.label, are not there"):
        pairs(texts)
    labels = written(tmp_path, "x\ny\n", "some.label")
    assert pairs(texts) == [("a", "x"), ("b", "y")]
    with pytest.raises(LabelledError, match="holds the labels alone"):
        pairs(labels)
    written(tmp_path, "x\n", "some.label")
    with pytest.raises(LabelledError, match="has 2 lines and"):
        pairs(texts)


def test_several_files_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "text,label\na,x\n")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"text,label\nb,y\n")))
    found = read_labelled([str(path), "-"])
    assert [(row.text, row.file) for row in found.rows] == [("a", str(path)), ("b", "standard input")]


def test_rows_without_text_or_label_are_counted(tmp_path: Path) -> None:
    found = read_labelled([str(written(tmp_path, "text,label\na,x\n ,y\n,\nb,\nc,z\n"))])
    assert (found.texts, found.empty, found.unlabelled) == (["a", "c"], 2, 1)
    found = read_labelled([str(written(tmp_path, '{"text": null, "label": "x"}\n{"text": "a", "label": 7}'))])
    assert (found.labels, found.empty) == (["7"], 1)


def test_notes_come_along(tmp_path: Path) -> None:
    path = written(tmp_path, '{"text": "a", "tier": "feedback", "note": "complaint/price"}')
    assert read_labelled([str(path)], label_keys=TIER_KEYS).rows[0].note == "complaint/price"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("a,b\n1,2\n", "line 1: the header names 'a', 'b', and one column must be called text, sentence or utterance"),
        ("text\na\n", "and one label, category or intent"),
        ("text,label\n", "there is no row"),
        ("text,label\n,x\n", r"no row with both a text and a label \(1 without\)"),
        ("text,label\na,b,c\n", "line 2: has 3 fields, and the header names 2"),
        ("text,label\na,x\nb\n", "line 3: has 1 field, and the header names 2"),
        ('text,label\na,x\n"b,y\nc,z\n', "line 3: is no CSV"),
        ('text,label\n"a" b,x\n', "line 2: is no CSV"),
        ("text,label\na,x\nb,caf\xe9\n".encode("latin-1"), "line 3: byte 0xE9 is not UTF-8"),
        ("text,label\na,x\n".encode("utf-16"), "UTF-16"),
        ('{"text": "a", "label": "x"}\n{"text": \n', "line 2: is no JSON"),
        ('{"text": "a", "label": "x"}\n["b", "y"]\n', "line 2: is no JSON object"),
        ('{"text": "a"}', "line 1: has 'text', and no label, category or intent"),
        ('{"text": "a", "label": ["x"]}\n', "has no part 'train'|'label' is not text"),
        ('{"train": [["a", "x"], ["b"]]}', "train, entry 2: is neither"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(LabelledError, match=said) as caught:
        read_labelled([str(path)])
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LabelledError, match="is not there"):
        read_labelled([str(tmp_path / "none.csv")])
    with pytest.raises(LabelledError, match="is a folder"):
        read_labelled([str(tmp_path)])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    for start in (b"", b"text,label\n", b'{"text": "a", "label": "b"}\n', b'{"train": ['):
        path.write_bytes(start + content)
        with contextlib.suppress(LabelledError):
            assert read_labelled([str(path)]).rows
