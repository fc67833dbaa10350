"""What a file is decides its content; its name can only make it worse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.filetypes import Found, look

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
ZIP = b"PK\x03\x04" + b"\0" * 30


@pytest.mark.parametrize(
    ("name", "head", "media_type"),
    [
        ("a.png", PNG, "image/png"),
        ("a", PNG, "image/png"),
        ("a.jpg", PNG, "image/png"),
        ("a.jpeg", b"\xff\xd8\xff\xe0..JFIF", "image/jpeg"),
        ("a.gif", b"GIF89a....", "image/gif"),
        ("a.webp", b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
        ("a.heic", b"\0\0\0\x18ftypheic\0\0", "image/heic"),
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0", "video/mp4"),
        ("a.mov", b"\0\0\0\x14ftypqt  \0\0", "video/quicktime"),
        ("a.mp3", b"ID3\x04\0", "audio/mpeg"),
        ("a.pdf", b"%PDF-1.7\n", "application/pdf"),
        ("a.zip", ZIP, "application/zip"),
        ("a.docx", ZIP, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("a.odt", ZIP, "application/vnd.oasis.opendocument.text"),
        ("a.txt", b"hello", "text/plain"),
        ("A.TXT", "grüße\r\n".encode(), "text/plain"),
        ("a.txt", "grüße".encode("latin-1"), "text/plain"),
        ("a.txt", "notepad".encode("utf-16"), "text/plain"),
        ("error.log", b"\x1b[31m<13>1 2026-11-22 something\n", "text/plain"),
        ("a.csv", b"a;b\n1;2\n", "text/csv"),
        ("a.eml", b"Received: from\r\nSubject: x\r\n\r\n<html>", "message/rfc822"),
    ],
)
def test_taken(name: str, head: bytes, media_type: str) -> None:
    assert look(name, head) == Found(media_type)


@pytest.mark.parametrize(
    ("name", "head", "fault"),
    [
        ("a.png", b"", "empty"),
        ("invoice.exe", b"MZ\x90\0", "program"),
        ("invoice.pdf", b"MZ\x90\0", "program"),
        ("photo.png.exe", PNG, "program"),
        ("photo.png", b"\x7fELF\x02", "program"),
        ("notes.txt", b"#!/bin/sh\nrm -rf /", "program"),
        ("a.jar", ZIP, "program"),
        ("a.docm", ZIP, "program"),
        ("a.JS", b"alert(1)", "program"),
        ("a.txt", b"<?php system($_GET[0]);", "program"),
        ("a.png", b"<html><script>alert(1)</script>", "active"),
        ("a.txt", b"  \n<!DOCTYPE html><html>", "active"),
        ("a.txt", b"\xef\xbb\xbf<svg onload=alert(1)>", "active"),
        ("a.txt", "<script>alert(1)</script>".encode("utf-16"), "active"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "active"),
        ("a.svg", b"hello", "active"),
        ("a.xml", b"<?xml version='1.0'?>", "active"),
        ("a.mhtml", b"From: x", "active"),
        ("a.foo", b"hello", "other"),
        ("a", b"hello", "other"),
        ("a.txt", b"hello\0world", "other"),
        ("a.rar", b"Rar!\x1a\x07", "other"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "other"),
    ],
)
def test_not_kept(name: str, head: bytes, fault: str) -> None:
    assert look(name, head).fault == fault


@given(st.text(max_size=50), st.binary(max_size=300))
def test_anything(name: str, head: bytes) -> None:
    """It never raises, and what a browser could run is never taken for a picture or a text."""
    found = look(name, head)
    assert bool(found.media_type) != bool(found.fault)
    if head.lstrip().lower().startswith((b"<script", b"<html", b"<svg")):
        assert found.fault is not None


@given(st.binary(max_size=300))
def test_a_text_holds_no_markup_at_its_beginning(rest: bytes) -> None:
    assert look("a.txt", b"<script>" + rest).fault == "active"
