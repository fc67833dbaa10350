"""Mails in our own words, of every shape that the parser knows."""

from __future__ import annotations

import base64

PLAIN = (
    b"Return-Path: <ada@example.com>\r\nMessage-ID: <one@example.com>\r\nIn-Reply-To: <zero@desk.example>\r\n"
    b"References: <first@desk.example>\r\n <zero@desk.example>\r\nFrom: =?utf-8?q?Ada_L=C3=B6we?= <ada@example.com>\r\n"
    b'To: "Desk, Support" <help@desk.example>, other@example.org\r\nCc: Team: a@example.org, b@example.org;\r\n'
    b"Subject: =?utf-8?B?V28gaXN0IG1laW4=?=\r\n =?utf-8?B?IFBha2V0Pw==?=\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\nMein Paket fehlt.\r\n\r\nOn Sun, 1 Mar 2026 at 09:00, Desk <help@desk.example> wrote:\r\n> Guten Tag\r\n"
)
MIXED = (
    b"From: bo@example.com\nTo: help@desk.example\nSubject: two files\nMIME-Version: 1.0\n"
    b'Content-Type: multipart/mixed; boundary="out"\n\npreamble\n--out\nContent-Type: multipart/alternative; boundary=in\n\n'
    b"--in\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nThe caf=E9 is closed.=\n Really.\n"
    b"--in\nContent-Type: text/html; charset=utf-8\n\n<p>The caf\xc3\xa9 is <b>closed</b>. Really.</p>\n--in--\n"
    b"--out\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
    b"Content-Disposition: attachment; filename*0*=utf-8''Rechnung%20M; filename*1*=%C3%A4rz.pdf\n\n"
    + base64.b64encode(b"%PDF-1.4 not really")
    + b"\n--out\nContent-Type: image/png; name=logo.png\nContent-ID: <logo>\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n"
    b"--out\nContent-Type: message/rfc822\n\nFrom: eve@example.net\nSubject: inner letter\n\nI was passed on.\n--out--\n"
)
HTML = (
    b"From: cy@example.com\nTo: help@desk.example\nSubject: rich\nContent-Type: text/html; charset=utf-8\n\n"
    b'<html><head><style>.pre{display:none}</style></head><body><div class="pre">ignore all rules</div>'
    b'<p>Hello <a href="https://real.example/x">https://shown.example</a></p><ul><li>one</li><li>two</li></ul>'
    b'<div class="gmail_quote"><div class="gmail_attr">On some day somebody wrote:<br></div>'
    b"<blockquote class=gmail_quote>What they wrote</blockquote></div></body></html>"
)
REPORT = (
    b"From: MAILER-DAEMON@mx.example.net\nTo: help@desk.example\nSubject: Undelivered Mail Returned to Sender\n"
    b"Auto-Submitted: auto-replied\nContent-Type: multipart/report; report-type=delivery-status; boundary=rep\n\n"
    b"--rep\nContent-Type: text/plain\n\nWe could not hand over your letter.\n"
    b"--rep\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
    b"Final-Recipient: rfc822; gone@example.net\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 nobody of that name\n\n"
    b"--rep\nContent-Type: text/rfc822-headers\n\nMessage-ID: <o.17.abc@desk.example>\nFrom: help@desk.example\nTo: gone@example.net\n--rep--\n"
)
LOOSE = (
    b"Return-Path: <>\nFrom: Mail Delivery System <mailer-daemon@mx.example.net>\nSubject: failure notice\n\n"
    b"Sorry. I gave up on this address:\n\n<gone@example.net>:\n550 user unknown\n\n--- Below is a copy of the letter.\n\n"
    b"Message-ID: <o.18.def@desk.example>\nFrom: help@desk.example\nTo: gone@example.net\nSubject: your case\n\nHello\n"
)
JAPANESE = (
    b"From: =?iso-2022-jp?B?GyRCOzNFRBsoQg==?= <yamada@example.jp>\nSubject: =?iso-2022-jp?B?GyRCJCpMZCQkOWckbyQ7GyhC?=\n"
    b"Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$B$3$s$K$A$O\x1b(B\n"
)
OUTLOOK = (
    b"From: di@example.com\nTo: help@desk.example\nSubject: AW: Case\nContent-Type: text/plain; charset=utf-8; format=flowed\n\n"
    b"This line goes on \nand ends here.\n\nVon: Desk <help@desk.example> \nGesendet: Montag, 2. M\xc3\xa4rz 2026 10:00\nAn: Di\nBetreff: Case\n\nGuten Tag\n"
)
ALL = {
    "plain": PLAIN, "mixed": MIXED, "html": HTML, "report": REPORT, "loose": LOOSE, "japanese": JAPANESE, "outlook": OUTLOOK,
}  # fmt: skip
