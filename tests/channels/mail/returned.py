"""Bounces of many mail servers, and mails of people and machines that only speak of them; all in our own words.

Each bounce is of the mail `ORIGINAL`, which was to `GONE`.
"""

from __future__ import annotations

import base64
from email.header import Header

GONE = "gone@far.example"
ID = "<o.5.aa@desk.example>"
HEADERS = (
    "Received: from desk.example (desk.example [192.0.2.5]) by mx.example; Mon, 2 Mar 2026 10:00:00 +0100\n"
    f"Message-ID: {ID}\nFrom: Help <help@desk.example>\nTo: {GONE}\nSubject: Your parcel\nMIME-Version: 1.0\n"
)
ORIGINAL = HEADERS + "\nIt is on its way.\n"
STATUS = f"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; {GONE}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 nobody\n"
PM, DAEMON, NOBODY = "postmaster@out.example", "MAILER-DAEMON@out.example", "Return-Path: <>\n"


def mail(sender: str, subject: str, body: str, headers: str = "", charset: str = "utf-8") -> bytes:
    """A mail to us; `headers` end with a line end."""
    name, mark, address = sender.rpartition(" <")
    sender = f"{_word(name)} <{address}" if mark else sender
    head = f"{headers}Date: Mon, 2 Mar 2026 10:00:05 +0100\nFrom: {sender}\nTo: help@desk.example\nSubject: {_word(subject)}\n\n"
    return (head + body).encode(charset)


def _word(text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=900).encode()


def report(
    status: str, *, said: str = "Sorry.", original: str = ORIGINAL, kind: str = "message/delivery-status"
) -> str:
    """The body of a report whose boundary is `rep`."""
    return f"--rep\nContent-Type: text/plain; charset=utf-8\n\n{said}\n--rep\nContent-Type: {kind}\n\n{status}\n--rep\nContent-Type: message/rfc822\n\n{original}\n--rep--\n"


REPORT = "Content-Type: multipart/report; report-type=delivery-status; boundary=rep\n"
MIXED = "Content-Type: multipart/mixed; boundary=rep\n"


def dsn(status: str, *, sender: str = DAEMON, subject: str = "Returned", headers: str = "") -> bytes:
    return mail(sender, subject, report(status), headers + REPORT)


def recipient(action: str, status: str, address: str = GONE) -> str:
    return f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n"


def enclosed(said: str) -> str:
    """What is said in an Exchange server's manner: words, the mail itself as a part."""
    return f"--rep\nContent-Type: text/plain; charset=utf-8\n\n{said}\n--rep\nContent-Type: message/rfc822\n\n{ORIGINAL}\n--rep--\n"


_DECODED = report(STATUS).replace(
    f"Content-Type: message/delivery-status\n\n{STATUS}",
    f"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n{base64.encodebytes(STATUS.encode()).decode()}",
)
# name -> (the mail, the status, does it hold the Message-ID?)
BOUNCES: dict[str, tuple[bytes, str | None, bool]] = {
    "a report": (dsn(STATUS), "5.1.1", True),
    "a delay": (dsn("Reporting-MTA: dns; a\n\n" + recipient("delayed", "4.4.1")), "4.4.1", True),
    "arrived": (dsn("Reporting-MTA: dns; a\n\n" + recipient("relayed", "2.0.0")), "2.0.0", True),
    "expanded, and one of them failed": (
        dsn("Reporting-MTA: dns; a\n\n" + recipient("expanded", "2.1.5", "list@far.example") + "\n" + recipient("failed", "5.2.2")), "5.2.2", True),
    "one late, one failed": (
        dsn("Reporting-MTA: dns; a\n\n" + recipient("delayed", "4.4.1", "late@far.example") + "\n" + recipient("failed", "5.2.2")), "5.2.2", True),
    "the reason knows more": (
        dsn("Reporting-MTA: dns; a\n\n" + recipient("failed", "5.0.0") + "Diagnostic-Code: smtp; 552 the mailbox is full\n"), "5.2.2", True),
    "no blank line in the report": (dsn("Reporting-MTA: dns; a\n" + recipient("failed", "5.2.2")), "5.2.2", True),
    "where it was sent on to": (
        dsn(f"Reporting-MTA: dns; a\n\nOriginal-Recipient: rfc822;{GONE}\n" + recipient("failed", "5.1.1", "in@side.example")), "5.1.1", True),
    "answers our mail": (dsn(STATUS, sender="Post <postmaster@out.example>", subject="Re: Your parcel", headers=f"In-Reply-To: {ID}\n"), "5.1.1", True),
    "through a list": (dsn(STATUS, subject="[desk] Returned", headers="List-Id: <desk.example>\nPrecedence: list\n"), "5.1.1", True),
    "in base64": (mail("it@out.example", "Your parcel", _DECODED, REPORT), "5.1.1", True),
    "carriage returns": (dsn(STATUS).replace(b"\n", b"\r"), "5.1.1", True),
    "both line ends twice": (dsn(STATUS).replace(b"\n", b"\r\r\n"), "5.1.1", True),
    "from a mailbox's file": (b"From MAILER-DAEMON Mon Mar  2 10:00:00 2026\n" + dsn(STATUS, sender="x@out.example"), "5.1.1", True),
    "never closed": (dsn(STATUS).rpartition(b"--rep--")[0], "5.1.1", True),
    "another boundary": (dsn(STATUS).replace(b"boundary=rep", b"boundary=per"), "5.1.1", True),
    "its headers in its body": (mail("admin@out.example", "Your parcel", f"\n{REPORT}\n{report(STATUS)}"), "5.1.1", True),
    "the report as a file": (mail(PM, "Undeliverable", report(STATUS, kind="application/octet-stream; name=details"), MIXED), "5.1.1", True),
    "the report as a text": (mail("noreply@out.example", "Undeliverable: Your parcel", report(STATUS, kind='text/plain; name="r.txt"'), MIXED), "5.1.1", True),
    "nothing but a report": (b"Content-Type: message/delivery-status\n\n" + STATUS.encode(), "5.1.1", False),
    "a report below a footer": (
        mail("it@out.example", "Your parcel", f"--out\n{REPORT}\n{report(STATUS)}\n--out\nContent-Type: text/plain\n\nScanned.\n--out--\n",
             "Content-Type: multipart/mixed; boundary=out\n"), "5.1.1", True),
    "a complaint": (
        mail("fbl@isp.example", "FW: Your parcel", report(f"Feedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: {GONE}\n", kind="message/feedback-report"),
             "Content-Type: multipart/report; report-type=feedback-report; boundary=rep\n"), None, True),
    "a complaint without a report": (
        mail("staff@isp.example", "complaint about message from 192.0.2.25", enclosed("."), NOBODY + MIXED), None, True),
    "qmail": (
        mail(PM, "failure notice", f"Hi. This is the qmail-send program.\n\n<{GONE}>:\nno mailbox by that name. (#5.1.1)\n\n--- Below this line is a copy.\n\n{ORIGINAL}"), "5.1.1", True),
    "Sendmail": (
        mail("Mail Delivery Subsystem <root@out.example>", "Returned mail: Host unknown",
             f"   ----- Transcript of session follows -----\n550 {GONE}... Host unknown\n\n   ----- Unsent message follows -----\n{ORIGINAL}"), "5.1.2", True),
    "a warning": (
        mail("Mail Delivery System <x@out.example>", "Warning: message 1aB-2 delayed 24 hours",
             f"A message that you sent has not yet been delivered.\n\n  {GONE}\n    Delay reason: Connection timed out\n"), "4.4.7", False),
    "Exim": (mail(PM, "Mail failed", f"  {GONE}\n    retry timeout exceeded\n\n{ORIGINAL}", f"X-Failed-Recipients: {GONE}\n"), "4.4.7", True),
    "smail": (
        mail("<mailer@out.example>", "mail failed, returning to sender",
             f"|---- Failed addresses follow: ----|\n <{GONE}> ... unknown user\n|---- Message text follows: ----|\n{ORIGINAL}"), "5.1.1", True),
    "MMDF": (mail("mmdf@out.example", "Waiting mail", f"Your message could not yet be delivered.\nAddress: {GONE}\n"), "4.0.0", False),
    "X.400": (mail("/G=Post/ADMD=400/C=DE/@x400.example", "Delivery Report (failure)", f"Your message was not delivered to {GONE}\nMTA: Unrecognised-ORName\n"), "5.1.1", False),
    "Notes": (mail("Mail Router@notes.example", "DELIVERY FAILURE: x", f"Ihr Dokument konnte nicht zugestellt werden an:\n\t{GONE}\nweil der Benutzer unbekannt ist\n"), "5.1.1", False),
    "cc:Mail": (mail("Link <link@cc.example>", "Undeliverable Message", f"To: {GONE}\n\nMessage not delivered to recipients below.\n\nMAILBOX IS FULL\n\n{ORIGINAL}", NOBODY), "5.2.2", True),
    "a gateway": (mail('"Gateway Notification" <imss@out.example>', "Mail could not be delivered", f"Sent <<< RCPT TO:<{GONE}>\nReceived >>> 550 5.1.1 nobody\n\nUnable to deliver message to <{GONE}>\n"), "5.1.1", False),
    "a spam filter": (
        mail("filter@out.example", "**Message you sent blocked by our bulk email filter**", f"Your message to: {GONE}\nwas blocked by our Spam Firewall.\n", "Auto-Submitted: auto-generated\n"), "5.7.1", False),
    "a phone": (mail(PM, "Undeliverable Message", f"Message could not be delivered to mobile.\nTo: {GONE}\nError: No valid recipients\n"), "5.1.1", False),
    "nobody's name": (mail("noreply@out.example", "Zzz", f"Your mail could not be delivered to: <{GONE}>\nAs their mailbox is full.\n", NOBODY), "5.2.2", False),
    "in HTML": (
        mail("admin@out.example", "Email not delivered", f"<p>Your message to <b>{GONE}</b> was not delivered: 550 5.1.1 nobody.</p><pre>{HEADERS.replace('<', '&lt;')}</pre>",
             "Content-Type: text/html\n"), "5.1.1", True),
    "a rejection of a filter in a mailbox": (
        mail(GONE, "Automatically rejected mail", report(f"Final-Recipient: rfc822; {GONE}\nDisposition: automatic-action; deleted\n",
             said=f"Your message to {GONE} was rejected.", kind="message/disposition-notification"),
             NOBODY + "Content-Type: multipart/report; report-type=disposition-notification; boundary=rep\n"), None, True),
    "no sender at all": (mail("", "Undelivered Mail Returned to Sender", f"<{GONE}>: 550 5.1.1 nobody\n\n{ORIGINAL}", NOBODY).replace(b"From: \n", b"", 1), "5.1.1", True),
    "with the words of the mail": (
        mail(PM, "Undeliverable mail", f"Your message to {GONE} was not delivered: 550 5.1.1 nobody\n\nIt was:\nWhere is my parcel?\n"), "5.1.1", False),
    "from nobody": (mail("", "failure notice", f"<{GONE}>: no such user\n").replace(b"From: \n", b"From: <>\n", 1), "5.1.1", False),
    "called an answer": (mail(DAEMON, "Auto reply: Undeliverable: Your parcel", f"<{GONE}>: no such user\n"), "5.1.1", False),
    "an id without brackets": (
        mail(DAEMON, "failed", f"<{GONE}>: no such user\n\nReceived: x\nMessage-Id: {ID[1:-1]}\nFrom: help@desk.example\nTo: {GONE}\n"), "5.1.1", True),
    "a form": (mail("system@out.example", "MAIL DELIVERY ERROR", f"DESTINATION: {GONE}\nREASON: USER NOT FOUND\n"), "5.1.1", False),
    "told to programs": (
        mail("AWS Notifications <no-reply@sns.example>", "AWS Notification Message",
             f'{{"notificationType":"Bounce","bounce":{{"bouncedRecipients":[{{"emailAddress":"{GONE}","status":"5.1.1"}}]}}}}\n'), "5.1.1", False),
    "help is named before": (mail(DAEMON, "failed", f"Questions? Contact it@out.example.\n\nThe following address failed:\n  <{GONE}>: quota exceeded\n"), "5.2.2", False),
    "in ISO-2022-JP": (
        mail("no-reply@out.example", "Mail Error", f"下記の宛先へのメールは配信できませんでした。\n{GONE}\n宛先不明\n",
             NOBODY + "Content-Type: text/plain; charset=iso-2022-jp\n", "iso-2022-jp"), "5.1.1", False),
}  # fmt: skip

# How servers in other languages call it and what they say.
TONGUES: dict[str, tuple[str, str]] = {
    "de": ("Unzustellbar: Paket", "Ihre Nachricht hat folgende Empfänger nicht erreicht:"),
    "fr": ("Non remis : Colis", "Votre message n'a pas pu être remis aux destinataires suivants :"),
    "es": ("No entregable: Paquete", "El mensaje no ha llegado a los siguientes destinatarios:"),
    "it": ("Mancata consegna del messaggio", "Il messaggio non è stato recapitato al destinatario:"),
    "pt": ("Sua mensagem não foi entregue", "Não foi possível entregar a mensagem aos seguintes destinatários:"),
    "nl": ("Niet te bezorgen: Pakje", "Uw bericht heeft de volgende geadresseerden niet bereikt:"),
    "pl": ("Niedostarczalne: Paczka", "Wiadomość nie dotarła do następujących adresatów:"),
    "cs": ("Nedoručitelné: Balík", "Vaše zpráva nebyla doručena příjemcům:"),
    "sv": ("Kunde inte levereras: Paket", "Meddelandet nådde inte följande mottagare:"),
    "da": ("Kan ikke leveres: Pakke", "Din meddelelse nåede ikke frem til følgende modtagere:"),
    "fi": ("Ei voitu toimittaa: Paketti", "Viestiä ei voitu toimittaa seuraaville vastaanottajille:"),
    "hu": ("Kézbesíthetetlen: Csomag", "Az üzenet nem érte el a következő címzetteket:"),
    "tr": ("Teslim edilemedi: Paket", "İletiniz şu alıcılara ulaşmadı:"),
    "ru": ("Недоставлено: Посылка", "Ваше сообщение не доставлено следующим получателям:"),
    "uk": ("Лист не доставлено", "Ваш лист не може бути доставлений:"),
    "el": ("Δεν είναι δυνατή η παράδοση: Δέμα", "Το μήνυμα δεν παραδόθηκε στους παρακάτω παραλήπτες:"),
    "ja": ("配信不能: 荷物", "次の受信者にメッセージを配信できませんでした:"),
    "zh": ("系统退信", "您的邮件未能送达以下收件人:"),
    "zh-tw": ("無法傳遞: 包裹", "您的郵件無法傳遞給下列收件者:"),
    "ko": ("배달되지 않음: 소포", "메시지가 다음 받는 사람에게 배달되지 않았습니다:"),
}  # fmt: skip

ADA, NOREPLY = "Ada <ada@example.com>", "Carrier <noreply@carrier.example>"
# name -> the mail: of people who complain of deliveries, ask about mails that came back, or pass one on.
PEOPLE: dict[str, bytes] = {
    "a parcel": mail(ADA, "Delivery failed", "The parcel was not delivered: recipient unknown. Order 55012, Main St 550 - please call.\nada@example.com"),
    "undelivered": mail(ADA, "Undelivered mail?", "I got this when I wrote to you:\n\n550 5.7.1 <billing@desk.example>: rejected\n"),
    "a code": mail(ADA, "Mail delivery problem", "When I write to billing@desk.example I get 550 5.1.1 User unknown. Which address is right?"),
    "their mailbox": mail(ADA, "Mailbox full", "Hi, my mailbox was full: please send it to ada2@example.com again."),
    "a setting": mail(ADA, "Error sending mail", "I use your relay and get: 550 5.7.1 Relaying denied for <me@example.com>."),
    "a version": mail(ADA, "Delivery status", "It shows status 5.1.1. My address is ada@example.com"),
    "all of it pasted": mail(ADA, "your mail does not work", f"I tried three times and get:\n\nDelivery to the following recipient failed permanently:\n\n   x@desk.example\n\n550 5.1.1 nobody\n\n{ORIGINAL}"),
    "without a mark": mail(ADA, "Delivery Status Notification (Failure)", "See below, nobody could explain it.\n\nYour message to help@desk.example couldn't be delivered. 550 5.1.1\n"),
    "passed on": mail(ADA, "Fwd: Undelivered Mail Returned to Sender", f"---------- Forwarded message ---------\nFrom: Mail Delivery System <{DAEMON}>\n\n<x@desk.example>: 550 5.1.1 nobody\n\n{ORIGINAL}"),
    "passed on without a mark": mail(ADA, "Undeliverable: my order", f"Hello, this came back.\n\n-----Original Message-----\nFrom: Mail Delivery System <{DAEMON}>\nSent: Monday\n\n<x@desk.example>: 550 5.1.1 nobody\n\n{ORIGINAL}"),
    "passed on in parts": mail(ADA, "Undelivered Mail Returned to Sender", report(STATUS, said="Hi, this came when I wrote to you. What is it?"), MIXED),
    "passed on in parts without a word": mail(ADA, "Undeliverable: order", report(STATUS, said="Kind regards, Ada"), MIXED),
    "quoted": mail(ADA, "Undelivered Mail Returned to Sender", "Bitte um Hilfe.\n\n> Your message could not be delivered:\n> <x@desk.example>: host mx said: 550 5.1.1 nobody\n"),
    "passed on as a mail": mail(ADA, "Fwd: Returned", f"--out\nContent-Type: text/plain\n\nWhat is this?\n--out\nContent-Type: message/rfc822\n\n{dsn(STATUS).decode()}\n--out--\n", "Content-Type: multipart/mixed; boundary=out\n"),
    "their own mail enclosed": mail(ADA, "Undelivered mail", enclosed("I could not write to you; enclosed is what I wanted to say."), MIXED),
    "a postmaster": mail("Bo <postmaster@customer.example>", "Your mails to us", "We rejected your mails today: 550 5.7.1 SPF failed for <help@desk.example>. Could you check your record?"),
    "a postmaster's order": mail("postmaster@customer.example", "Order 17", "The delivery failed last week. Please send the invoice to bo@customer.example."),
    "an administrator": mail("System Administrator <it@customer.example>", "Mail delivery to you", "Mails to you are rejected: 550 5.7.1 from help@desk.example."),
    "an office": mail("Meier <info@meier.example>", "Ihre Mail kam nicht an", "Ihre Mail wurde nicht zugestellt, unser Server hat sie abgelehnt (550 5.7.1). Bitte an einkauf@meier.example senden."),
    "a list of failures": mail("Lists <list@x.example>", "Undeliverable newsletters", "These addresses bounced, please remove:\n\ngone@far.example user unknown\nb@far.example mailbox full\n"),
    "an office, es": mail("Ventas <info@corp.example>", "Correo devuelto", "Nuestro correo a pedidos@desk.example fue devuelto. Necesitamos la dirección correcta."),
    "an office, ja": mail("総務 <info@corp.example>", "メール不達の件", "御社の sales@desk.example 宛のメールが不達となりました。"),
    "an office, ru": mail("Отдел <info@corp.example>", "Возврат письма", "Наше письмо на sales@desk.example не доставлено."),
    "a filter's keeper": mail("Ops <ops@corp.example>", "your message was blocked", "Your message of today was blocked by our filter (554 5.7.1). We released it, x@corp.example has it."),
    "a developer": mail(ADA, "SMTP error 550 5.1.1 in our log", "postfix/smtp: to=<help@desk.example>, status=bounced (550 5.1.1 nobody)\n\nWhat does it mean?"),
    "a carrier": mail("Mail & More <mail.delivery@carrier.example>", "Delivery attempt failed", "The delivery of your parcel failed. A new attempt is made tomorrow, ada@example.com."),
    "the post": mail(NOREPLY, "Your mail could not be delivered", "Your letter could not be delivered: it was returned to sender. Pay 4.50 for redelivery.", NOBODY),
    "de": mail(ADA, "Mail an Sie unzustellbar", "Hallo, jede Mail an rechnung@desk.example kommt zurück: 550 5.1.1 unbekannt. Wie erreiche ich die Abteilung?"),
    "de, the post": mail(NOREPLY, "Zustellung fehlgeschlagen - Ihre Sendung", "Ihre Sendung konnte nicht zugestellt werden. Der Empfänger ist unbekannt.", NOBODY),
    "de, Outlook": mail(ADA, "WG: Unzustellbar: Bestellung", f"Guten Tag, was heißt das?\n\nVon: Microsoft Outlook\nAn: Ada\nBetreff: Unzustellbar: Bestellung\n\n550 5.1.1 nobody\n{HEADERS}"),
    "fr": mail(ADA, "Message d'erreur", "Bonjour, chaque message envoyé à facture@desk.example n'a pas pu être remis, 550 5.1.1. Que faire ?"),
    "fr, the post": mail(NOREPLY, "Échec de la distribution de votre colis", "Votre colis n'a pas pu être distribué.", NOBODY),
    "es": mail(ADA, "Mensaje devuelto", "Hola, cada mensaje que envío a ventas@desk.example es devuelto con 550 5.1.1. ¿Cuál es la dirección correcta?"),
    "it": mail(ADA, "Messaggio respinto", "Il messaggio a vendite@desk.example non è stato consegnato: 550 5.1.1. Qual è l'indirizzo giusto?"),
    "pt": mail(ADA, "ENC: Não entregue: Pedido", "A mensagem para vendas@desk.example não foi entregue: 550 5.1.1. O que é isto?"),
    "nl": mail(ADA, "Bericht niet afgeleverd", "Het bericht aan sales@desk.example is niet afgeleverd: 550 5.1.1. Wat is het juiste adres?"),
    "pl": mail(ADA, "Wiadomość nie dostarczona", "Wiadomość do sales@desk.example nie została dostarczona: 550 5.1.1. Jaki jest adres?"),
    "tr": mail(ADA, "E-posta teslim edilemedi", "sales@desk.example adresine e-posta gönderilemedi: 550 5.1.1. Doğru adres nedir?"),
    "ru": mail(ADA, "Сообщение не доставлено", "Моё сообщение на sales@desk.example не доставлено, 550 5.1.1."),
    "ja": mail(ADA, "配信エラーについて", "御社にメールを送ると送信できません。宛先: sales@desk.example 。どうすればよいですか。"),
    "ja, the post": mail(NOREPLY, "お荷物の配達ができませんでした", "宛先不明のため、お荷物を配達できませんでした。", NOBODY),
    "zh": mail(ADA, "邮件被退回", "我发给 sales@desk.example 的邮件被退回，550 5.1.1，正确地址是什么？"),
    "ko, the post": mail(NOREPLY, "배송 실패", "고객님의 상품이 배달되지 않았습니다.", NOBODY),
}  # fmt: skip
# name -> (the mail, what it is)
MACHINES: dict[str, tuple[bytes, str | None]] = {
    "away": (mail(ADA, "Automatic reply: Your parcel", f"I am away.\n\nYour mail was:\n\n{ORIGINAL}", NOBODY + "Auto-Submitted: auto-replied\n"), "auto-reply"),
    "gone": (mail(ADA, "Re: Your parcel", "This mailbox is no longer monitored; your message was not read. Write to bo@example.com.", NOBODY + f"Auto-Submitted: auto-replied\nIn-Reply-To: {ID}\n"), "auto-reply"),
    "nobody reads this": (mail(NOREPLY, "Your email was not received", "This address is not monitored and your email has not been received.", NOBODY + "Auto-Submitted: auto-replied\n"), "auto-reply"),
    "received": (mail("Support <support@other.example>", "[#550] Your message", "Your message was received as case 550-123. If it was rejected, write to x@other.example.", NOBODY), "auto-reply"),
    "it was read": (
        mail(ADA, "Read: Your parcel", report(f"Final-Recipient: rfc822; {GONE}\nDisposition: manual-action; displayed\n", kind="message/disposition-notification"),
             "Content-Type: multipart/report; report-type=disposition-notification; boundary=rep\n"), "auto-reply"),
    "it was deleted unread": (
        mail(ADA, "Not read: Your parcel", report(f"Final-Recipient: rfc822; {GONE}\nDisposition: automatic-action; deleted\n", said="Your message was deleted unread.", kind="message/disposition-notification"),
             "Content-Type: multipart/report; report-type=disposition-notification; boundary=rep\n"), "auto-reply"),
    "statistics": (mail("noreply@isp.example", "Report domain: desk.example", report("{}", kind="application/tlsrpt+json"), "Content-Type: multipart/report; report-type=tlsrpt; boundary=rep\n"), "auto-reply"),
    "a newsletter": (mail("Mail Tips <mail-delivery@tips.example>", "Undelivered: 5 tips", "550 5.1.1 user unknown means: your message was not delivered to x@y.example.", "List-Unsubscribe: <https://tips.example/u>\n"), "bulk"),
    "a list": (mail(ADA, "[postfix] Undelivered Mail Returned to Sender", "Hi, I see this:\n\n<x@y.example>: host mx said: 550 5.1.1 nobody (in reply to RCPT TO command)\n", "List-Id: <p.example>\n"), "list"),
    "a full mailbox": (mail("Provider <noreply@isp.example>", "Mailbox quota warning", "Your mailbox is over quota. You cannot receive new mails until you delete some.", "Auto-Submitted: auto-generated\n"), "auto-reply"),
    "a carrier": (mail(NOREPLY, "Undeliverable parcel", "Shipment 5501234 could not be delivered to the recipient. Contact: service@carrier.example", NOBODY), "auto-reply"),
}  # fmt: skip
