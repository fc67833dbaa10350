"""Articles: what is read, what is refused and how, and that no Markdown becomes markup."""

import contextlib
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.articles import LARGEST, ArticleError, load_article, load_articles, parse_article
from bot.markdown import markdown_to_richtext, safe_href, text_of_html
from channels.richtext import Block, RichText, Span
from tests.growth import grows_linearly

KNOWLEDGE = Path(__file__).resolve().parents[2] / "bot" / "knowledge"

DNS = """\
---
url: https://help.example.com/dns
---
# DNS records

Names and numbers.

## Add a record

<!-- questions:
- How do I add a record?
*  Where does   a TXT record go?
-->

1. Open **Domains**.
2. Press [Add](https://panel.example.com/add).

### By hand

Write it.

## Add a record

Again.
"""


def faults(markdown: str, slug: str = "dns") -> list[str]:
    with pytest.raises(ArticleError) as caught:
        parse_article(slug, markdown, "dns.md")
    assert str(caught.value) == "\n".join(map(str, caught.value.faults))
    return [f"{fault.line}: {fault.message}" for fault in caught.value.faults]


class TestReading:
    def test_an_article_is_title_url_and_sections(self) -> None:
        article = parse_article("dns-records", DNS, "somewhere.md")
        assert (article.slug, article.title, article.source) == ("dns-records", "DNS records", "somewhere.md")
        assert article.url == "https://help.example.com/dns"
        assert article.digest == hashlib.sha256(DNS.encode()).hexdigest()
        assert [section.heading for section in article.sections] == ["DNS records", "Add a record", "Add a record"]

    def test_text_above_the_first_section_stands_under_the_title(self) -> None:
        first = parse_article("dns", DNS, "-").sections[0]
        assert (first.anchor, first.plain, first.questions) == ("", "Names and numbers.", ())

    def test_anchors_are_unique(self) -> None:
        article = parse_article("dns", DNS, "-")
        assert [section.anchor for section in article.sections] == ["", "add-a-record", "add-a-record-2"]

    def test_questions_are_listed_and_not_shown(self) -> None:
        section = parse_article("dns", DNS, "-").sections[1]
        assert section.questions == ("How do I add a record?", "Where does a TXT record go?")
        assert "Where" not in section.plain

    def test_a_section_is_rich_text_and_plain(self) -> None:
        section = parse_article("dns", DNS, "-").sections[1]
        assert [block.kind for block in section.text.blocks] == ["number", "number", "heading", "paragraph"]
        assert section.plain.startswith("1. Open Domains.\n2. Press Add (https://panel.example.com/add).")

    def test_windows_lines_and_a_byte_order_mark_change_nothing(self) -> None:
        windows = parse_article("dns", "\ufeff" + DNS.replace("\n", "\r\n"), "-")
        assert windows.sections == parse_article("dns", DNS, "-").sections

    def test_no_front_matter_is_fine(self) -> None:
        assert parse_article("a", "# A\n\nText", "-").url is None

    def test_other_comments_are_dropped(self) -> None:
        assert parse_article("a", "# A\n\n<!-- todo -->\n\nText", "-").sections[0].plain == "Text"


class TestFaults:
    @pytest.mark.parametrize(
        ("markdown", "expected"),
        [
            ("", "1: Empty."),
            (" \n\t\n", "1: Empty."),
            ("just text", "1: No title."),
            ("## A section\n\ntext", "1: No title."),
            ("# Title\n", "1: No text under the title."),
            ("intro\n\n# Title\n\ntext", "1: Text above the title."),
            ("# One\n\ntext\n\n# Two\n\ntext", "5: A second title."),
            ("# One\n\n## Two\n\n## Three\n\ntext", "3: No text under 'Two'."),
            ("# One\n\n##\n\ntext", "3: A heading without words."),
            ("---\nurl: https://a.example\n\n# One\n\ntext", "1: The front matter does not end."),
            ("---\nurl: ftp://a.example\n---\n# One\n\ntext", "2: 'ftp://a.example' is no web address."),
            ("---\nurl: https://\n---\n# One\n\ntext", "2: 'https://' is no web address."),
            ("---\n\nurls: x\n---\n# One\n\ntext", "3: The front matter holds only url"),
            ("# One\n\n<!-- questions:\n- a?\n\ntext", "3: The list of questions does not end."),
            ("# One\n\n<!-- questions:\n-->\ntext", "3: A list of questions without a question."),
            ("# One\n\n<!-- questions:\n- a?\nb?\n-->\n\ntext", "5: Each question begins with a hyphen."),
            ("# One\n\n<!-- questions:\n- a?\n--> text\n\ntext", "5: Text behind --> is lost."),
            ("# One\n\ntext <!-- questions: - a? -->", "3: A list of questions stands on lines of its own"),
            (
                "# One\n\n- item\n\n  <!-- questions:\n  - a?\n  -->",
                "5: A list of questions stands on lines of its own",
            ),
            (
                "# One\n\n<!-- questions:\n- " + "a" * 301 + "\n-->\n\ntext",
                "4: A question of more than 300 characters.",
            ),
            ("# One\n\ntext \0", "3: Not a text file."),
            ("# One\n\ntext \ud800", "3: Holds half of a character."),
            ("# One\n\n" + "x" * LARGEST, "1: Larger than 200,000 bytes."),
        ],
    )
    def test_each_is_named_with_its_line(self, markdown: str, expected: str) -> None:
        assert faults(markdown)[0].startswith(expected)

    def test_all_are_named_at_once_in_order(self) -> None:
        found = faults("---\nurl: no\n---\n# One\n\n## Two\n\n# Three\n\ntext\n", slug="Not a slug")
        assert [line.partition(":")[0] for line in found] == ["1", "2", "6", "8"]

    @pytest.mark.parametrize("slug", ["", "A", "a b", "a--b", "-a", "a/b", "../a", "ä"])
    def test_a_slug_is_part_of_an_address(self, slug: str) -> None:
        assert "small letters" in faults("# A\n\ntext", slug=slug)[0]

    def test_faults_of_all_files_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "a.md").write_text("no title")
        (tmp_path / "b.md").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
        (tmp_path / "c.md").write_bytes(b"# Title\n\ncaf\xe9\n")
        (tmp_path / "d.md").write_text("# Fine\n\ntext")
        with pytest.raises(ArticleError) as caught:
            load_articles(tmp_path)
        named = [(Path(fault.source).name, fault.line) for fault in caught.value.faults]
        assert named == [("a.md", 1), ("b.md", 1), ("c.md", 3)]
        assert "UTF-8" in str(caught.value)

    def test_a_megabyte_is_refused_without_being_read(self, tmp_path: Path) -> None:
        path = tmp_path / "big.md"
        path.write_bytes(b"# Title\n\n" + b"x" * 1_000_000)
        with pytest.raises(ArticleError, match="Larger than"):
            load_article(path)
        path.write_bytes(b"# Title\n\n" + b"\xff" * 1_000_000)
        with pytest.raises(ArticleError, match="Larger than"):
            load_article(path)

    def test_a_folder_without_articles_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(ArticleError, match=r"put \.md files"):
            load_articles(tmp_path)
        with pytest.raises(ArticleError, match="no such folder"):
            load_articles(tmp_path / "nowhere")

    def test_a_file_that_is_a_folder_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "a.md").mkdir()
        with pytest.raises(ArticleError, match="Cannot be read"):
            load_articles(tmp_path)

    @given(st.text())
    def test_a_text_is_read_or_refused(self, markdown: str) -> None:
        with contextlib.suppress(ArticleError):
            article = parse_article("a", markdown, "-")
            assert article.title
            assert article.sections


def blocks(markdown: str) -> tuple[Block, ...]:
    return markdown_to_richtext(markdown).blocks


class TestMarkdown:
    def test_styles(self) -> None:
        assert blocks("a **b** *c* `d`")[0].spans == (
            Span(text="a "),
            Span(text="b", bold=True),
            Span(text=" "),
            Span(text="c", italic=True),
            Span(text=" "),
            Span(text="d", code=True),
        )

    def test_lists_keep_their_numbers(self) -> None:
        found = blocks("3. three\n3. four\n   - nested\n\n     more\n\n- bullet")
        assert [(block.kind, block.plain()) for block in found] == [
            ("number", "3. three"),
            ("number", "4. four"),
            ("bullet", "• nested"),
            ("paragraph", "more"),
            ("bullet", "• bullet"),
        ]

    def test_code_quotes_and_tables(self) -> None:
        found = blocks("```\na < b\n\nc\n```\n\n> quoted\n\n| In | Out |\n|---|---|\n| 993 | **465** |")
        assert [(block.kind, block.plain()) for block in found] == [
            ("code", "a < b\n\nc"),
            ("quote", "> quoted"),
            ("bullet", "• In · Out"),
            ("bullet", "• 993 · 465"),
        ]

    def test_line_breaks(self) -> None:
        assert blocks("a\nb  \nc<br>d")[0].plain() == "a b\nc\nd"

    @pytest.mark.parametrize(
        ("link", "href"),
        [
            ("[x](https://a.example/b?c=d)", "https://a.example/b?c=d"),
            ("[x](HTTP://a.example)", "HTTP://a.example"),
            ("<mailto:x@a.example>", "mailto:x@a.example"),
            ("[x](javascript:alert(1))", None),
            ("[x](JaVaScRiPt:alert(1))", None),
            ("[x](data:text/html;base64,PHNjcmlwdD4=)", None),
            ("[x](vbscript:x)", None),
            ("[x](file:///etc/passwd)", None),
            ("[x](/relative)", None),
            ("[x](//a.example)", None),
            ("[x](https://)", None),
            ("[x](http://[bad)", None),
            ("[x](&#106;avascript:alert(1))", None),
            ("[x](java&#10;script:alert(1))", None),
        ],
    )
    def test_only_web_and_mail_links_keep_their_address(self, link: str, href: str | None) -> None:
        spans = blocks(link)[0].spans
        assert [span.href for span in spans] == [href]
        assert "alert" not in spans[0].text

    def test_an_image_is_its_alternative_text(self) -> None:
        assert blocks("see ![the *button*](https://a.example/x.png)") == (
            Block(kind="paragraph", spans=(Span(text="see the button"),)),
        )

    def test_raw_html_is_its_text(self) -> None:
        assert [block.plain() for block in blocks("<div onclick=x>Hello <b>you</b> &amp; me</div>")] == [
            "Hello you & me"
        ]
        assert blocks("a <b onload=x>bold</b> word")[0].plain() == "a bold word"
        assert blocks("<script>\nalert(1)\n</script>\n\nafter")[0].plain() == "after"
        assert blocks("<style>x{}</style><!-- <p>hidden</p> --><p>shown") == RichText.of("shown").blocks

    def test_nothing_is_lost_of_entities(self) -> None:
        assert blocks("&lt;script&gt; \\*")[0].spans == (Span(text="<script> *"),)

    @pytest.mark.parametrize(
        "evil",
        [
            "<!--" * 30_000,
            "<script>" * 20_000,
            "<" * 100_000,
            "[" * 50_000,
            "*a" * 50_000,
            "> " * 30_000,
            "`" * 100_000,
        ],
    )
    def test_hostile_text_takes_linear_time(self, evil: str) -> None:
        grows_linearly(lambda text: (markdown_to_richtext(text), text_of_html(text)), evil)

    @given(st.text() | st.text(alphabet="<>!-[]()*_`#|&;:/ \n\tjavscript"))
    def test_any_text_becomes_rich_text(self, markdown: str) -> None:
        found = markdown_to_richtext(markdown)
        assert RichText.from_json(found.to_json()) == found
        for block in found.blocks:
            assert any(span.text.strip() for span in block.spans)
            assert all(span.href is None or safe_href(span.href) for span in block.spans)


class TestKnowledge:
    """The demonstration's own articles keep what we ask of others."""

    def test_all_are_read(self) -> None:
        articles = load_articles(KNOWLEDGE)
        assert len(articles) >= 30
        assert len({article.title for article in articles}) == len(articles)

    @pytest.mark.parametrize("article", load_articles(KNOWLEDGE), ids=lambda article: article.slug)
    def test_each_is_short_and_asked_for(self, article) -> None:  # type: ignore[no-untyped-def]
        words = sum(len(section.plain.split()) for section in article.sections)
        assert 120 <= words <= 400
        assert 2 <= len(article.sections) <= 5
        assert article.url is None  # the running desk shows it under its own address
        assert all(len(section.questions) >= 2 for section in article.sections)

    def test_no_question_is_listed_twice(self) -> None:
        asked = [q.casefold() for article in load_articles(KNOWLEDGE) for s in article.sections for q in s.questions]
        assert len(asked) == len(set(asked))
