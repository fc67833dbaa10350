"""What a reader of HTML would see, and nothing else."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.mail.htmltext import html_lines
from channels.mail.parser import parse


def text(html: str) -> str:
    return "\n".join(line.text for line in html_lines(html))


@pytest.mark.parametrize(
    "hidden",
    [
        '<div style="display:none">X</div>', '<span style="font-size:0px">X</span>', '<p style="visibility: hidden">X</p>',
        '<div style="max-height:0;overflow:hidden">X</div>', '<b style="opacity:0">X</b>', "<p hidden>X</p>",
        '<font color="#ffffff">X</font>', '<span style="color:#fff">X</span>', "<!-- X -->", "<script>X</script>",
        "<style>.a{display:none}</style><p class=a>X</p>", "<title>X</title>", '<div style="DISPLAY : NONE !important"><p>X</p></div>',
        '<p style="text-indent:-9999px">X</p>', "<template>X</template>", '<span style="color:rgba(0,0,0,0)">X</span>',
    ],
)  # fmt: skip
def test_hidden_text_is_left_out(hidden: str) -> None:
    assert text(f"<p>before</p>{hidden}<p>after</p>").replace("\n", "") == "beforeafter"


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ('<a href="javascript:x()">press</a>', "press"),
        ('<a href="https://a.example/">a.example</a>', "a.example"),
        ('<a href="https://evil.example">https://bank.example</a>', "https://bank.example (https://evil.example)"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ("<ol><li>x<li>y</ol>", "1. x\n2. y"),
        ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "a\tb\n1\t2"),
        ("a<br>b<br><br>c", "a\nb\n\nc"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n>\n>> b"),
        ("1 &lt; 2 &amp; 3 < 4", "1 < 2 & 3 < 4"),
        ('<table bgcolor="#000000"><tr><td style="color:#fff">seen</td></tr></table>', "seen"),
        ('<img src=x alt="A picture of a lens">', "[A picture of a lens]"),
        ('<div style="display:none">only this</div>', "[hidden text]\nonly this"),
        ("<p class=MsoNormal>a</p><p class=MsoNormal>b</p>", "a\nb"),
        ("never <b>closed", "never closed"),
        ("<p>a</p", "a"),
    ],
)
def test_what_is_seen(html: str, said: str) -> None:
    assert text(html) == said


@given(
    st.lists(
        st.sampled_from(
            [
                "<div>",
                "</div>",
                "<p hidden>",
                "</p>",
                "<table><td>",
                "</table>",
                "<",
                "'",
                '"',
                "<a b=",
                "x ",
                "<!--",
                "-->",
            ]
        )
    )
)
def test_any_tags(pieces: list[str]) -> None:
    html_lines("".join(pieces))


def test_what_a_signature_covers_is_shown() -> None:
    def element(tag: int, inside: bytes) -> bytes:
        return bytes([tag, 0x82]) + len(inside).to_bytes(2, "big") + inside

    inner = b"Content-Type: text/plain\r\n\r\nSigned words.\r\n"
    data = bytes.fromhex("06092a864886f70d010701") + element(0xA0, element(0x04, inner))
    signed = bytes.fromhex("06092a864886f70d010702") + element(
        0xA0, element(0x30, b"\x02\x01\x01" + element(0x30, data))
    )
    mail, files = parse(
        b"From: a@b.example\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\n"
        b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(element(0x30, signed))
    )
    assert mail["text"] == "Signed words."
    assert [file.name for file in files] == ["smime.p7m"]
