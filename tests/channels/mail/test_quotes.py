"""Replies without what they reply to. All mails here are made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.mail.htmltext import html_lines
from channels.mail.quotes import reply_of, stripped
from tests.growth import grows_linearly

ANSWER = "Thank you, the second lens works.\n\nOne more thing: may I keep the box?"
INTROS = [
    "On Mon, Mar 2, 2026 at 10:00 AM Ada Loewe <ada@example.com> wrote:",
    "On Mon, Mar 2, 2026 at 10:00 AM,\nAda Loewe <ada@example.com>\nwrote:",
    "Am 02.03.2026 um 10:00 schrieb Ada Loewe <ada@example.com>:",
    "Am Montag, 2. März 2026 um 10:00:00 MEZ hat Ada Loewe <ada@example.com> Folgendes geschrieben:",
    "Le lun. 2 mars 2026 à 10:00, Ada Loewe <ada@example.com> a écrit :",
    "El lun, 2 mar 2026 a las 10:00, Ada Loewe (<ada@example.com>) escribió:",
    "Il giorno lun 2 mar 2026 alle ore 10:00 Ada Loewe <ada@example.com> ha scritto:",
    "Em seg., 2 de mar. de 2026 às 10:00, Ada Loewe <ada@example.com> escreveu:",
    "Op ma 2 mrt 2026 om 10:00 schreef Ada Loewe <ada@example.com>:",
    "Den mån 2 mars 2026 kl 10:00 skrev Ada Loewe <ada@example.com>:",
    "man. 2. mar. 2026 kl. 10:00 skrev Ada Loewe <ada@example.com>:",
    "ma 2. maaliskuuta 2026 klo 10.00 Ada Loewe (ada@example.com) kirjoitti:",
    "pon., 2 mar 2026 o 10:00 Ada Loewe <ada@example.com> napisał(a):",
    "W dniu 2.03.2026 o 10:00, Ada Loewe pisze:",
    "po 2. 3. 2026 v 10:00 odesílatel Ada Loewe <ada@example.com> napsal:",
    "пн, 2 мар. 2026 г. в 10:00, Ada Loewe <ada@example.com>:",
    "2 марта 2026 г., 10:00 пользователь Ada Loewe <ada@example.com> написал:",
    "пн, 2 бер. 2026 р. о 10:00 Ada Loewe <ada@example.com> пише:",
    "2 Mar 2026 Pzt 10:00 tarihinde Ada Loewe <ada@example.com> şunu yazdı:",
    "Ada Loewe <ada@example.com> ezt írta (időpont: 2026. márc. 2., H, 10:00):",
    "În lun., 2 mar. 2026 la 10:00, Ada Loewe <ada@example.com> a scris:",
    "Στις Δευ 2 Μαρ 2026 στις 10:00, ο χρήστης Ada Loewe <ada@example.com> έγραψε:",
    "Ada Loewe <ada@example.com> 于2026年3月2日周一 10:00写道：",
    "2026年3月2日(月) 10:00 Ada Loewe <ada@example.com>:",
    "2026년 3월 2일 (월) 오전 10:00, Ada Loewe <ada@example.com>님이 작성:",
    "Vào Th 2, 2 thg 3, 2026 vào lúc 10:00 Ada Loewe <ada@example.com> đã viết:",
]
BLOCKS = [
    "From: Ada Loewe <ada@example.com>\nSent: Monday, March 2, 2026 10:00 AM\nTo: Desk\nSubject: Lens",
    "*From:* Ada Loewe\n*Date:* Monday 2 March 2026 10:00\n*To:* Desk\n*Subject:* Lens",
    "Von: Ada Loewe <ada@example.com>\nGesendet: Montag, 2. März 2026 10:00\nAn: Desk\nCc: Bo\nBetreff: Lens",
    "De : Ada Loewe <ada@example.com>\nEnvoyé : lundi 2 mars 2026 10:00\nÀ : Desk\nObjet : Lens",
    "De: Ada Loewe\nEnviado el: lunes, 2 de marzo de 2026 10:00\nPara: Desk\nAsunto: Lens",
    "Da: Ada Loewe\nInviato: lunedì 2 marzo 2026 10:00\nA: Desk\nOggetto: Lens",
    "Van: Ada Loewe\nVerzonden: maandag 2 maart 2026 10:00\nAan: Desk\nOnderwerp: Lens",
    "Från: Ada Loewe\nSkickat: den 2 mars 2026 10:00\nTill: Desk\nÄmne: Lens",
    "Fra: Ada Loewe\nSendt: mandag 2. mars 2026 10:00\nTil: Desk\nEmne: Lens",
    "Lähettäjä: Ada Loewe\nLähetetty: maanantai 2. maaliskuuta 2026 10:00\nVastaanottaja: Desk\nAihe: Lens",
    "Od: Ada Loewe\nWysłano: poniedziałek, 2 marca 2026 10:00\nDo: Desk\nTemat: Lens",
    "Od: Ada Loewe\nOdesláno: pondělí 2. března 2026 10:00\nKomu: Desk\nPředmět: Lens",
    "От: Ada Loewe\nОтправлено: 2 марта 2026 г. 10:00\nКому: Desk\nТема: Lens",
    "Від: Ada Loewe\nНадіслано: 2 березня 2026 р. 10:00\nКому: Desk\nТема: Lens",
    "Kimden: Ada Loewe\nGönderildi: 2 Mart 2026 Pazartesi 10:00\nKime: Desk\nKonu: Lens",
    "发件人: Ada Loewe\n发送时间: 2026年3月2日 10:00\n收件人: Desk\n主题: Lens",
    "差出人: Ada Loewe\n送信日時: 2026年3月2日 10:00\n宛先: Desk\n件名: Lens",
    "Lähettäjä : Ada Loewe\nLähetetty : 2.3.2026 10:00\nVastaanottaja : Desk\nAihe : Lens",
    "Šalje: Ada Loewe\nPoslano: 2. ožujka 2026. 10:00\nPrima: Desk\nPredmet: Lens",
    "보낸 사람: Ada Loewe\n보낸 시간: 2026년 3월 2일 10:00\n받는 사람: Desk\n제목: Lens",
]


@pytest.mark.parametrize("intro", INTROS)
def test_introductions_in_many_languages(intro: str) -> None:
    assert stripped(f"{ANSWER}\n\n{intro}\n\n> Does it work?\n> Ada\n") == ANSWER
    assert stripped(f"{ANSWER}\n\n{intro}\n\nDoes it work?\n\nAda\n") == ANSWER


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("above", ["", "-----Original Message-----\n", "________________________________\n"])
def test_header_blocks_in_many_languages(block: str, above: str) -> None:
    assert stripped(f"{ANSWER}\n\n{above}{block}\n\nDoes it work?\n") == ANSWER


@pytest.mark.parametrize(
    "signature",
    [
        "Sent from my iPhone", "Sent from my Pixel 9 Pro", "Get Outlook for iOS", "Von meinem iPhone gesendet",
        "Gesendet von Outlook für Android", "Envoyé de mon iPhone", "Enviado desde mi iPhone", "Inviato da iPhone",
        "Enviado do meu iPhone", "Verstuurd vanaf mijn iPhone", "Skickat från min iPhone", "Sendt fra min iPhone",
        "Lähetetty iPhonesta", "Wysłane z iPhone'a", "Odesláno z iPhonu", "Отправлено с iPhone",
        "iPhone'umdan gönderildi", "发自我的iPhone", "iPhoneから送信", "나의 iPhone에서 보냄", "-- \nAda Loewe\nLens & Co.",
        "--\nAda", "-Ada Loewe", "Sent from Spark", "Sent with [Proton Mail](https://proton.example/) secure email.",
        "Sent from my Verizon, Samsung Galaxy smartphone", "Sent on my BlackBerry\N{REGISTERED SIGN} from Vodafone",
        "Sent from Mail<https://go.example/?LinkId=1> for Windows 10", "Sent from my phone, please excuse typos",
        "Please excuse brevity, sent from my phone.", "Outlook für Android<https://aka.example/x> herunterladen",
        "Envoyé à partir d'Outlook Mobile", "Provenance : Courrier pour Windows", "Obter o Outlook para iOS",
        "Inviata da iPhone", "Skickades från E-post för Windows", "Uzyskaj aplikację Outlook dla systemu Android",
        "Elküldve az iPhone-omból", "Получить Outlook для iOS", "iOS için Outlook'u edinin", "来自我的华为手机",
        "获取 Outlook for iOS", "Samsung Galaxy 스마트폰에서 보냈습니다.", "ส่งจาก iPhone ของฉัน",
        "Virus-free. www.avast.com", "Please type your reply above this line",
    ],
)  # fmt: skip
def test_signatures(signature: str) -> None:
    assert stripped(f"{ANSWER}\n\n{signature}\n") == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        "Sent from my desk, which is not where I like to write.",
        "On Monday I wrote to you and nobody answered.",
        "From Berlin to Paris:\nno train at all.",
        "I ordered two things:\n\n- a lens -- the large one\n- a cap",
        "The date: today\nThe place: here\nThe reason: none",
        "He wrote:\nI will not pay.",
        "Sent by mistake, it was meant for somebody else.",
        "发自我的内心，谢谢你们。",
        "Get Outlook to work, please.",
        "I no longer have the original message.\nOriginal message: lost.",
        "What may I have?\n\n| lens | price |\n|------|-------|\n| large | 12 |",
        "Von: Berlin\nNach: Paris\nDatum: 02.03.2026, 10:00\nBetrag: 30 EUR",
        "The booking:\nRoom: 12\nFrom: 02.03.2026 10:00\nTo: 03.03.2026 12:00\nDate: 02.03.2026 10:00\n\nIs it free?",
        "I paid:\n\nFrom: ada@example.com\nDate: 02.03.2026 10:00\nAmount: 30 EUR\n\nand have nothing.",
        "On 2 March 2026 at 10:00 I changed my mind. Now I want:\nthe large one",
    ],
)
def test_what_is_no_quote_stays(text: str) -> None:
    assert stripped(text) == text


def test_an_interleaved_answer_keeps_its_quotes() -> None:
    asked = "> Does it work?\n\nYes.\n\n> And the box?\n\nI keep it."
    assert stripped(f"Hello Desk,\n\n{asked}\n") == f"Hello Desk,\n\n{asked}"
    assert stripped(f"Hello Desk,\n\nOn Mon, Mar 2, 2026, Desk wrote:\n{asked}\n").endswith(asked)


def test_an_answer_below_its_quote() -> None:
    assert stripped(f"On Mon, Mar 2, 2026, Ada <ada@example.com> wrote:\n> Does it work?\n>\n\n{ANSWER}") == ANSWER


def test_a_mail_passed_on_without_a_word_keeps_all() -> None:
    passed = f"---------- Forwarded message ---------\n{BLOCKS[0]}\n\nMy lens is broken."
    assert stripped(passed) == passed
    assert stripped(f"Please look.\n\n{passed}") == "Please look."


def test_a_forgotten_reply_is_not_empty() -> None:
    assert stripped("> only a quote") == "> only a quote"
    assert stripped("-- \nAda") == "--\nAda"
    assert stripped("Sent from my iPhone") == "Sent from my iPhone"


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote"><div class="gmail_attr">Ju 2 mars, Ada:</div><blockquote class="gmail_quote">old</blockquote></div>',
        '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>Absendar:</b> Ada</div><div>old</div>',
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0 0 0"><p>Absendar: Ada</p></div><p>old</p>',
        '<div class="yahoo_quoted"><div>Ju 2 mars</div><div>old</div></div>',
        '<div class="protonmail_quote">Ju 2 mars<blockquote type="cite">old</blockquote></div>',
        '<div class="moz-cite-prefix">Ju 2 mars</div><blockquote type="cite">old</blockquote>',
        '<br><blockquote type="cite"><div>On Mar 2, 2026, at 10:00, Ada wrote:</div><div>old</div></blockquote>',
    ],
)
def test_structure_decides_where_words_are_unknown(quote: str) -> None:
    assert reply_of(html_lines(f"<div>It works.</div><div><br></div>{quote}")) == "It works."


PIECES = [*INTROS, *BLOCKS, "> quoted", "", "text", "-- ", "Sent from my iPhone", "-----Original Message-----", "____"]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=30)), max_size=20))
def test_never_empty_and_never_anything_new(pieces: list[str]) -> None:
    text = "\n".join(pieces)
    reply = stripped(text)
    assert bool(reply.strip()) == bool(text.replace("\r\n", "\n").strip()) or not text.strip()
    lines = {line.rstrip() for line in text.replace("\r\n", "\n").split("\n")}
    assert all(line.strip() in {each.strip() for each in lines} for line in reply.split("\n"))


@pytest.mark.parametrize(
    "line",
    [
        "> a line of an older mail\n",
        "On 2026-03-02 12:30 a@b.example\n",
        "From: a@b.example\n",
        "x: y\n",
        "- " * 20 + "\n",
    ],
)
def test_it_is_linear(line: str) -> None:
    grows_linearly(stripped, line * 16_000)


@pytest.mark.parametrize(
    "text",
    [
        "text\n" + "-----\n" * 8_000 + "text\n" * 8_000,
        "-----Original Message-----\n> q\n" * 4_000 + "text\n" * 8_000,
        "t\n" + "On Mon, 2 Mar 2026 at 10:00, a@b.example wrote:\n" * 8_000 + "> q\n" * 8_000,
        "Ada writes:\n\n" * 4_000,
        "a@b.example\n02.03.2026 10:00\n" * 8_000,
    ],
)
def test_rules_over_many_letters_are_linear(text: str) -> None:
    grows_linearly(stripped, text)
