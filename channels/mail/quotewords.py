"""The words by which mail programs, in some twenty-five languages, say that what follows is another mail."""

from __future__ import annotations

import re
from typing import Final

WROTE: Final = (
    "wrote", "writes", "said", "schrieb", "schreibt", "geschrieben", "a écrit", "a ecrit", "écrit", "escribió",
    "escribio", "escribe", "va escriure", "ha escrit", "idatzi du", "escribiu", "ha scritto", "scrive", "scrisse",
    "escreveu", "schreef", "heeft geschreven", "het volgende geschreven", "skrev", "skreiv", "skrifaði", "kirjoitti",
    "kirjutas", "rakstīja", "rašė", "parašė", "napisał", "napisała", "napisał(a)", "napisał/a", "pisze", "napsal",
    "napsala", "napsal(a)", "napísal", "napísala", "napísal(a)", "je napisao", "je napisala", "je napisal",
    "je napisao/la", "je napisal/a", "napisao", "написао", "написа", "написал", "написала", "написал(а)", "писал",
    "писала", "писали", "писал(а)", "пишет", "написав", "написала", "написав(ла)", "пише", "yazdı", "yazdi", "şunu yazdı", "şunları yazdı",
    "έγραψε", "írta", "írta a következőt", "a scris", "ha scris", "כתב", "כתבה", "כתב/ה", "كتب", "كتبت", "写道", "寫道",
    "写到", "のメール", "さんは書きました", "が書きました", "は書きました", "wrote", "さんが書きました", "님이 작성", "작성",
    "님이 씀", "đã viết", "viết", "menulis", "mencatat", "เขียนว่า", "เขียน", "नु लिखा", "ने लिखा", "نوشت",
)  # fmt: skip
ON: Final = (
    "on", "am", "le", "el", "il", "il giorno", "em", "op", "den", "på", "dnia", "w dniu", "dne", "dňa", "data", "pe",
    "la", "în data de", "у", "в", "во", "στις", "τη", "pada", "vào", "vào lúc", "a(z)", "à", "lúc", "no dia", "kuupäeval",
    "on behalf of", "בתאריך", "في", "在", "于", "於", "dana", "dne", "u", "gjør", "ti", "tirsdag", "den", "fecha", "date",
)  # fmt: skip

# Which header a label stands for.
LABELS: Final[dict[str, tuple[str, ...]]] = {
    "from": (
        "from", "von", "de", "da", "di", "van", "från", "fra", "lähettäjä", "od", "nadawca", "от", "від", "от кого",
        "від кого", "kimden", "gönderen", "από", "feladó", "expéditeur", "remitente", "mittente", "remetente", "afzender",
        "avsändare", "avsender", "afsender", "saatja", "no", "nuo", "de la", "expeditor", "מאת", "من", "发件人", "寄件者",
        "寄件人", "差出人", "送信者", "보낸 사람", "보낸사람", "발신인", "từ", "người gửi", "dari", "จาก", "del", "absender",
        "from address", "з", "desde", "odosielateľ", "odesílatel", "pošiljatelj", "подател", "šalje", "送信元", "nork", "frá",
    ),
    "date": (
        "date", "sent", "datum", "gesendet", "gesendet am", "envoyé", "envoyé le", "date d'envoi", "enviado",
        "enviado el", "enviado em", "enviada em", "enviada", "fecha", "inviato", "data", "verzonden", "skickat", "sendt",
        "dato", "lähetetty", "päiväys", "päivämäärä", "pvm", "wysłano", "wysłane", "odesláno", "odoslané", "отправлено", "дата",
        "отправлен", "надіслано", "отослано", "gönderme tarihi", "gönderildi", "tarih", "ημερομηνία", "στάλθηκε",
        "elküldve", "küldve", "dátum", "trimis", "nosūtīts", "išsiųsta", "saadetud", "kuupäev", "תאריך", "נשלח", "التاريخ",
        "تاريخ الإرسال", "发送时间", "发送日期", "日期", "寄件日期", "傳送時間", "送信日時", "日時", "日付", "보낸 날짜", "보낸 시간", "날짜",
        "ngày", "đã gửi", "đã gửi lúc", "dikirim", "tanggal", "วันที่", "ส่งเมื่อ", "poslano", "изпратено", "sendt den", "enviat", "bidaltze-data", "poslato",
        "när", "time",
    ),
    "to": (
        "to", "an", "à", "a", "para", "per", "aan", "till", "til", "vastaanottaja", "do", "adresat", "komu", "pre", "кому",
        "для", "kime", "alıcı", "προς", "címzett", "către", "catre", "destinataire", "destinatario", "destinatário",
        "empfänger", "kam", "kellele", "saaja", "אל", "إلى", "الى", "收件人", "收件者", "宛先", "받는 사람", "받는사람", "수신",
        "đến", "tới", "gửi tới", "kepada", "ke", "ถึง", "za", "до", "name der empfänger", "prima", "per a", "nori",
    ),
    "subject": (
        "subject", "betreff", "objet", "asunto", "oggetto", "assunto", "onderwerp", "ämne", "emne", "aihe", "temat",
        "předmět", "predmet", "тема", "konu", "θέμα", "tárgy", "subiect", "subiectul", "teema", "tēma", "tema", "נושא",
        "الموضوع", "主题", "主題", "主旨", "件名", "제목", "chủ đề", "tiêu đề", "subjek", "perihal", "เรื่อง", "относно", "re",
        "gaia", "assumpte", "efni", "zadeva", "sujet",
    ),
    "other": (
        "cc", "kopie", "copie à", "copie", "kopia", "kopi", "kopio", "копия", "копія", "cópia", "copia", "másolat",
        "bilgi", "κοιν", "抄送", "副本", "참조", "bcc", "cci", "reply-to", "reply to", "replyto", "antwort an", "odpověď",
        "importance", "priority", "wichtigkeit", "attachments", "anlagen", "anhänge", "organization", "organisation",
        "message-id", "list", "sender", "dw", "ud", "vs", "resent-from", "importanza", "importancia", "belang",
        "bijlage", "pièces jointes", "załączniki", "přílohy", "вложения", "mailing list", "newsgroups", "x-mailer",
    ),
}  # fmt: skip

_ORIGINAL: Final = (
    "original message", "original appointment", "original mail", "original email", "ursprüngliche nachricht",
    "originalnachricht", "original-nachricht", "message d'origine", "message original", "mail original", "courriel original", "e-mail original", "message initial", "mensaje original",
    "messaggio originale", "messaggio original", "mensagem original", "oorspronkelijk bericht", "origineel bericht",
    "originalmeddelande", "ursprungligt meddelande", "opprinnelig melding", "original melding", "oprindelig meddelelse",
    "original meddelelse", "alkuperäinen viesti", "oryginalna wiadomość", "wiadomość oryginalna", "wiadomość pierwotna",
    "treść oryginalnej wiadomości", "původní zpráva", "původní e-mail", "pôvodná správa", "исходное сообщение",
    "оригинальное сообщение", "первоначальное сообщение", "початкове повідомлення", "оригінальне повідомлення",
    "orijinal ileti", "orijinal mesaj", "özgün ileti", "αρχικό μήνυμα", "eredeti üzenet", "mesajul original",
    "mesaj original", "algne kiri", "izvorna poruka", "izvirno sporočilo", "оригинална порука", "оригинално съобщение",
    "הודעה מקורית", "الرسالة الأصلية", "رسالة أصلية", "原始邮件", "原始郵件", "原邮件", "元のメッセージ", "원본 메시지", "원본메시지",
    "thư gốc", "tin nhắn gốc", "pesan asli", "ข้อความต้นฉบับ", "reply message", "reply separator", "quoted text",
)  # fmt: skip
_FORWARDED: Final = (
    "forwarded message", "forwarded by", "begin forwarded message", "weitergeleitete nachricht",
    "anfang der weitergeleiteten", "message transféré", "début du message", "début du message réexpédié",
    "mensaje reenviado", "inicio del mensaje reenviado", "messaggio inoltrato", "inizio messaggio inoltrato",
    "mensagem encaminhada", "mensagem reencaminhada", "doorgestuurd bericht", "begin doorgestuurd bericht",
    "vidarebefordrat meddelande", "vidarebefordrat brev", "videresendt melding", "videresendt meddelelse",
    "välitetty viesti", "przekazana wiadomość", "wiadomość przekazana", "přeposlaná zpráva", "preposlaná správa",
    "пересылаемое сообщение", "пересланное сообщение", "переслане повідомлення", "iletilen mesaj", "iletilmiş ileti",
    "προωθημένο μήνυμα", "továbbított üzenet", "mesaj redirecționat", "转发的邮件", "轉寄的郵件", "转发邮件", "転送されたメッセージ",
    "전달된 메시지", "thư đã chuyển tiếp", "pesan terusan", "הודעה שהועברה", "الرسالة المعاد توجيهها",
)  # fmt: skip
_ABOVE: Final = (
    r"(?:reply|respond|answer|type|write|enter|add|put|post)\b.{0,40}\babove this (?:line|text|message|e-?mail)\b",
    r"(?:reply|type|write|respond)\b.{0,20}\babove (?:the|this) .{0,20}\bline\b", r"above this line to\b",
    r"antwort\w*\b.{0,40}\b(?:oberhalb|über) (?:dieser|diese) (?:linie|zeile)", r".{0,40}\boberhalb dieser (?:linie|zeile)",
    r".{0,40}répon\w+ (?:.{0,20} )?au-dessus de cette ligne", r".{0,40}au-dessus de cette ligne",
    r".{0,40}(?:por encima|arriba) de esta (?:línea|linea)", r".{0,40}sopra (?:a )?questa (?:riga|linea)",
    r".{0,40}acima desta linha", r".{0,40}boven deze (?:regel|lijn)",
    r".{0,40}(?:ovanför|över) (?:denna|den här) (?:raden|linjen|rad|linje)", r".{0,40}over denne linj(?:en?|a)",
    r".{0,40}tämän rivin yläpuolel", r".{0,40}powyżej tej linii", r".{0,40}nad (?:tento řádek|tuto čáru|tímto řádkem)",
    r".{0,40}(?:выше|над) этой (?:строки|линии|черты|строкой|линией|чертой)", r".{0,40}bu satırın (?:üstüne|üzerine)",
    r".{0,20}(?:請在此行之上|请在此行(?:之上|以上)|在此行上方|在此線上方)", r".{0,20}この行より上", r".{0,20}이 (?:줄|선) 위에",
)  # fmt: skip
_QUOTING: Final = (
    "quoting", "zitat von", "citando a", "citando", "citazione di", "citeren", "cytowanie", "wiadomość napisana przez",
    "missatge de", "kontakt", "mensaje citado por", "cituji", "citerar", "sitat fra", "citat af",
)  # fmt: skip
_THINGS: Final = r"(?:iphone|ipad|ipod|android|blackberry|samsung|galaxy|huawei|xiaomi|nokia|windows|outlook|mobile|handy|smartphone|phone|téléphone|móvil|movil|celular|telefon|mail|yahoo|gmx|htc|lg|sony|lumia|nexus|pixel|oneplus|motorola|device|tablet|mobil)"
_SENT: Final = (
    rf"sent from (?:my|a|the|mail(?:spring|box)?|yahoo|outlook|gmail|samsung|proton|protonmail|airmail|{_THINGS[3:-1]})\b",
    r"sent (?:with|via|using|by) (?!.*\b(?:you|your|me|us)\b)\S", r"get outlook for (?:ios|android|mac)",
    r"sent on (?:my|the) .{0,40}(?:blackberry|network|phone|ipad)", r"typed on (?:a|my) (?:tiny|small|glass|phone|mobile|iphone)",
    r"(?:please |kindly )?(?:excuse|pardon|forgive) (?:my |the |any )?(?:brevity|typos|spelling|terseness|typing|shortness)",
    r"envoyée? (?:d'|de |depuis |à partir d[eu] |à partir d'|via |avec )\S", r"provenance : courrier pour \S", r"télécharge[rz]? outlook pour (?:ios|android)",
    r"obtenir outlook pour (?:ios|android)", r"obtenez outlook pour (?:ios|android)",
    r"(?:mit freundlichen |viele |liebe |beste )?grü(?:ß|ss)en? von meine[mr] \S",
    r"(?:diese (?:nachricht|e-?mail) wurde )?(?:von|mit|aus|via) (?:meine[mr]|unterwegs|der|dem|outlook|gmx|web\.de|samsung|iphone|mail).{0,60}(?:gesendet|geschickt|verfasst)",
    r"gesendet (?:von|mit|über|via|aus) \S", r"(?:holen|laden) sie (?:sich )?outlook für", r"outlook für (?:ios|android) herunterladen",
    r"obt(?:er|enha|ém) (?:o )?outlook para", r"få outlook til", r"uzyskaj aplikację outlook", r"получить outlook для", r"získat outlook pro",
    r"(?:获取|取得|下载|下載) ?outlook (?:for )?(?:ios|android)", r"outlook for (?:ios|android) を入手", r"(?:ios|android)용 outlook 다운로드",
    r"(?:ios|android) için outlook", r"קבל את outlook", r"outlook für (?:ios|android) (?:beziehen|abrufen|laden)",
    r"enviado (?:desde|do|de|a partir do|pelo|mediante|via|con) \S", r"enviada do meu", r"obt[eé]n(?:er|ga|ha)? (?:el |o )?outlook para",
    r"inviat[oa] (?:da|dal|dallo|dalla|con|tramite) \S", r"scarica outlook per", r"ottieni outlook per",
    r"verzonden (?:vanaf|met|vanuit|via) \S", r"verstuurd (?:vanaf|met|vanuit|via) \S", r"outlook voor (?:ios|android) downloaden",
    r"download outlook voor", r"skickat från \S", r"skickat med \S", r"skickades från \S", r"hämta outlook för", r"skaffa outlook för",
    r"sendt fra \S", r"sendt med \S", r"hent outlook (?:til|for)", r"få outlook for", r"lähetetty \S", r"hanki outlook",
    r"wysłan[eoy] (?:z|ze|za pomocą|przy użyciu|iz) \S", r"pobierz (?:program )?outlook dla", r"uzyskaj outlook",
    r"odesláno z \S", r"odoslané z \S", r"získejte outlook", r"отправлено (?:с|со|из) \S", r"скачать outlook для",
    r"получите outlook для", r"надіслано (?:з|із) \S", r"відправлено (?:з|із) \S", r"отримати outlook",
    r"windows için .{1,20} ile gönderildi", r".{0,40}(?:umdan|ımdan|imdan|dan|den|tan|ten) gönderildi", r"(?:el)?küldve a\(?z\)? \S", r"az? .{0,30}r[őó]l küldve",
    r"trimis de pe \S", r"poslano (?:iz|z|s) \S", r"στάλθηκε από \S", r"εστάλη από \S", r"изпратено от \S",
    r"(?:发|發|发送|發送|来|來)自\s?我?的?\s?[^，。,.]{0,20}(?:iphone|ipad|手机|手機|平板|android|安卓|outlook|mail|邮箱|郵箱|邮件|郵件)",
    r"windows 版邮件发送", r"从我的.{1,20}(?:发送|發送)", r"從我的.{1,20}(?:发送|傳送|發送)", r".{1,20}から送信",
    r"나의 \S{1,20}에서 보냄", r"내 \S{1,20}에서 보냄", r".{1,30}에서 보(?:냄|냈습니다)", r"(?:được )?gửi từ \S", r"dikirim dari \S",
    r"saadetud minu \S", r"ส่งจาก \S", r"sendita de \S", r"enviat des d[e'].{0,3}\S", r"nosūtīts no \S", r"(?:iš)?siųsta iš \S", r"נשלח מה?-?\s?\S", r"أُ?رسلت من \S", r"sent on the go", r".{0,30}outlook\b.{0,20}\b(?:ios|android)\b.{0,4}https?://", r"من .{1,30} iphone",
)  # fmt: skip


def _any(words: tuple[str, ...]) -> str:
    return "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))


LABEL_OF: Final = {word: kind for kind, labels in LABELS.items() for word in labels}
HEADER: Final = re.compile(
    r"\W{0,4}([^\W\d_][^:：\n]{0,28}?)\s{0,3}\W{0,3}[:：]\W{0,3}?(?:\s|\Z|[^/\s])", re.IGNORECASE
)
WRITTEN: Final = re.compile(rf"(?<!\w)(?:{_any(WROTE)})(?!\w)|のメール|书|写道|寫道|님이 작성", re.IGNORECASE)
WRITTEN_AT_END: Final = re.compile(
    rf"(?:(?<!\w)(?:{_any(WROTE)})|のメール|写道|寫道|님이 작성)\W{{0,3}}[:：]\W{{0,2}}\Z", re.IGNORECASE
)
BEGINS: Final = re.compile(rf"\W{{0,3}}(?:{_any(ON)})(?!\w)", re.IGNORECASE)
ORIGINAL: Final = re.compile(rf"[\W_]{{0,40}}(?:{_any(_ORIGINAL)})[\W_]{{0,40}}\Z", re.IGNORECASE)
FORWARDED: Final = re.compile(rf"[\W_]{{0,40}}(?:{_any(_FORWARDED)})(?!\w).{{0,60}}\Z", re.IGNORECASE)
ABOVE: Final = re.compile(
    rf"\W{{0,40}}(?:please |bitte |veuillez )?(?:{'|'.join(_ABOVE)})[^?]{{0,160}}\Z", re.IGNORECASE
)
QUOTING: Final = re.compile(rf"\W{{0,3}}(?:{_any(_QUOTING)})\s", re.IGNORECASE)
MOBILE: Final = re.compile(rf"\W{{0,4}}(?:{'|'.join(_SENT)}).{{0,70}}\Z", re.IGNORECASE)
_ANSWER: Final = r"(?:answers?|replies|reply|responses?|comments?|remarks?|antwort\w*|kommentar\w*|anmerkung\w*|réponses?|commentaires?|respuestas?|comentarios?|respostas?|comentários|rispost[ae]|commenti|antwoord\w*|opmerking\w*|svar\w*|odpowied\w*|odpověd\w*|ответ\w*)"
_BELOW: Final = r"(?:below|inline|in-line|in line|in (?:red|blue|green|bold|capitals|caps)|unten|im text|ci-dessous|dans le texte|en rouge|abajo|en rojo|abaixo|em vermelho|sotto|in rosso|di seguito|hieronder|in het rood|nedan|nedenfor|poniżej|níže|ниже)"
ANSWERS_BELOW: Final = re.compile(
    rf"(?<!\w){_ANSWER}(?!\w).{{0,40}}(?<!\w){_BELOW}(?!\w)|(?<!\w)(?:answered|replied|responded|commented|see|siehe|voir) (?:it )?(?:inline|in-line|in line|in (?:red|blue|green))(?!\w)",
    re.IGNORECASE,
)
"""What somebody says who has typed answers into the older mail."""
