"""English or not: cheap, and sure only where it matters.

The encoder reads English. Anything else must reach a person, so this errs towards "foreign" as soon as there is
evidence, and towards English for a text too short to tell ("ok", "login", "iPhone 12") in Latin letters. Evidence is
the script of the letters, letters that English does not use, and well-known short words (`_WORDS`).
"""

# ruff: noqa: RUF001 -- letters of other languages look like English ones, which is the point

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

LOOKED_AT: Final = 4000
"""Characters, half from the beginning and half from the end."""
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NOISE = re.compile(
    r"(?:https?://|www\.)\S{1,300}|[#@][\w.]{1,60}|\S{1,64}@\S{1,190}"
    r"|(?<![\w.-])(?:[\w-]{1,63}\.){1,4}(?:com|net|org|info|io|eu|example|[a-z]{2})(?![\w-])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """What a text is written in."""

    code: str | None
    """ISO 639-1 guess; None: too little to tell, or a language that we have no words of."""
    confidence: float
    foreign: bool
    """Not English, or English with a part in another language."""
    mixed: bool = False


_UNDECIDED: Final = Language(code=None, confidence=0.0, foreign=False)

# Short words that native speakers cannot avoid, plus what customers say first; what English uses too is taken out.
_WORDS: Final[Mapping[str, str]] = {
    "de": "ich ist und nicht das der die ein eine mein meine mich mir sie wir haben habe hat wie kann auf mit für von"
    " zu bei seit noch kein keine auch aber wenn warum bitte danke hallo hilfe geht funktioniert kaputt konto rechnung"
    " passwort guten tag möchte wo ihr euch sind werden wurde immer nichts mehr anmelden störung abgebucht doppelt",
    "fr": "je est et le la les un une des mon ma mes ne pas vous nous il elle que qui dans pour avec sur mais ou où du"
    " au aux ce cette suis ai avez bonjour merci aide marche plus comment pourquoi depuis compte facture salut j'ai"
    " c'est n'est n'ai s'il plaît rien toujours être fait puis fonctionne rembourser argent l'application",
    "es": "yo es el la los las un una mi mis que de en por para con como qué cómo pero muy más está estoy tengo puedo"
    " hola gracias ayuda cuenta factura funciona quiero necesito desde porque cuando hay ya nada todo mucho usted le"
    " se lo del al sin dinero cobrado buenos buenas días puede hacer dónde también contraseña favor",
    "it": "io il lo gli una mio mia che di non per con come ma sono è ho hai più questo questa ciao grazie aiuto conto"
    " fattura funziona voglio vorrei posso perché quando della nel dal sul sempre niente soldi buongiorno salve dove"
    " mi si ci anche ancora fare accedere",
    "pt": "eu o os as um uma meu minha que não de em por para com como mas muito mais está estou tenho posso olá"
    " obrigado obrigada ajuda conta fatura funciona quero preciso desde porque quando já nada tudo você vocês isso"
    " meus foi são dinheiro bom dia onde também senha fazer ao dos das na nas nos",
    "nl": "ik het een en niet van voor met op mijn je jullie wij hebben heb heeft hoe kan kunnen maar ook nog geen"
    " waarom alstublieft bedankt hallo hulp werkt rekening wachtwoord deze dat zijn naar bij wordt worden mij"
    " goedemorgen graag wel niks niets sinds storing betaald",
    "pl": "ja jest nie to się na w z do że mój moja mam jak dlaczego proszę dziękuję cześć pomoc konto faktura działa"
    " chcę mogę od już nic wszystko dzień dobry gdzie przez dla ale czy jestem są było hasło pieniądze",
    "tr": "bir ve bu için ile çok ben benim değil var yok nasıl neden lütfen teşekkürler merhaba yardım hesap hesabım"
    " fatura çalışmıyor istiyorum ama daha gibi ne kadar şifre param bana mı mi",
    "sv": "jag är och inte det en ett min mitt har kan hur men på för med av till från varför tack hej hjälp fungerar"
    " konto faktura lösenord vill ni den som när nu inget mina",
    "da": "jeg er og ikke det et min mit har kan hvordan på for med af til fra hvorfor tak hej hjælp virker konto"
    " regning adgangskode vil når nu noget mine også jeres",
    "no": "jeg er og ikke det et min mitt har kan hvordan på for med av til fra hvorfor takk hei hjelp virker fungerer"
    " konto faktura passord vil når nå noe mine også deres",
    "fi": "minä on ja ei se en minun miten miksi kiitos moi hei apua toimi tili lasku salasana haluan voin mutta kun"
    " ole oli että tämä nyt olen teidän miten",
    "cs": "je na se že to v z do já můj moje mám jak proč prosím děkuji děkuju ahoj dobrý den pomoc účet faktura"
    " nefunguje chci mohu ale už nic všechno není jsem heslo peníze",
    "ro": "eu este nu și un o al meu mea pe cu pentru din cum de ce vă rog mulțumesc bună ajutor cont contul factura"
    " funcționează vreau pot sunt am dar mai acum bani parola",
    "hu": "én nem és egy az van vagyok hogy hogyan miért kérem köszönöm szia helló segítség fiók számla működik"
    " szeretnék tudok de már semmi jó napot jelszó pénz",
    "id": "saya anda tidak dan yang di ke dari untuk dengan ini itu ada bisa bagaimana kenapa tolong terima kasih halo"
    " bantuan akun tagihan mau sudah belum uang aplikasi",
    "tl": "ako ko mo ang ng sa hindi po paano bakit salamat tulong gusto ba naman lang yung pera wala kayo",
    "vi": "tôi không và là của cho với này được bị tại sao cảm ơn xin chào giúp khoản làm thế nào tiền muốn",
    "hi": "mera meri mujhe nahi nahin hai kya kaise kyu kyun aap mere paisa paise karo kar raha rahi gaya bhai aur se"
    " ko ka ki ho hota abhi wapas chahiye",
    "sw": "mimi ni na ya wa kwa sana tafadhali asante habari msaada akaunti yangu sijui hapana ndiyo pesa naomba",
}
_ENGLISH_TEXT: Final = (
    "a about after again all already also always am an and another any anyone anything are as ask at available away"
    " back be because been before being best better bought but buy by call can can't cancel cannot cant card change"
    " charge charged check code come could couldn't customer day days did didn't do does doesn't doing don't done dont"
    " down download each email error even ever every everything find first fix for free from get getting give go going"
    " gone good got great had happened has hasn't have haven't having he hello help her here hey hi him his hour how i"
    " i'd i'll i'm i've if im in into is isn't issue it it's its just keep keeps know last let like log login long look"
    " love made make many me message money month more most much my na need never new next no not nothing now number of"
    " off on once one online only open or order other our out over own page paid pay people phone please pls possible"
    " problem put question really refund right said same say says see send sent service set she should show since site"
    " so some someone something soon start still stop stopped such support sure take tell than thank thanks that that's"
    " the their them then there these they thing things think this those time to today too tried try trying two u"
    " under until up update upgrade ur us use used using very want wanted was wasn't way we we're website week well"
    " were what what's when where which while who why will with without won't wont work worked working works would yes"
    " yesterday yet you you're your you've down hate okay ok sorry wait waiting add any could enable move who's game"
    " team account store near turn app play date price watch remove delete create install switch forward bigger larger"
    " folder files address password second old raise daily both two three name names"
)
_ENGLISH: Final = frozenset(_ENGLISH_TEXT.split())
_SPLIT: Final = {code: frozenset(words.split()) for code, words in _WORDS.items()}
_LOOKUP: Final[Mapping[str, tuple[str, ...]]] = {
    word: tuple(code for code, words in _SPLIT.items() if word in words)
    for word in frozenset().union(*_SPLIT.values()) - _ENGLISH
}
# Letters that English words do not carry (borrowed "é", as in café, would be too weak to list).
_LETTERS: Final[Mapping[str, str]] = {
    "ß": "de", "ä": "de sv fi", "ö": "de sv fi tr hu", "ü": "de tr hu", "ñ": "es", "¿": "es", "¡": "es", "ã": "pt",
    "õ": "pt", "ł": "pl", "ą": "pl", "ę": "pl", "ś": "pl", "ż": "pl", "ź": "pl", "ğ": "tr", "ş": "tr", "ı": "tr",
    "å": "sv da no", "ø": "da no", "æ": "da no", "ř": "cs", "ě": "cs", "ů": "cs", "ž": "cs", "š": "cs", "č": "cs",
    "ț": "ro", "ș": "ro", "ă": "ro vi", "ő": "hu", "ű": "hu", "đ": "vi", "ơ": "vi", "ư": "vi", "ç": "fr pt tr",
    "è": "fr it", "ê": "fr pt", "à": "fr it", "ù": "fr it", "ò": "it", "œ": "fr", "ó": "es pl pt", "í": "es cs",
}  # fmt: skip
_SCRIPTS: Final[Mapping[str, str]] = {
    "CYRILLIC": "ru", "ARABIC": "ar", "DEVANAGARI": "hi", "HIRAGANA": "ja", "KATAKANA": "ja", "CJK": "zh",
    "HANGUL": "ko", "GREEK": "el", "HEBREW": "he", "THAI": "th", "BENGALI": "bn", "TAMIL": "ta", "TELUGU": "te",
    "GUJARATI": "gu", "GURMUKHI": "pa", "GEORGIAN": "ka", "ARMENIAN": "hy", "ETHIOPIC": "am", "KHMER": "km",
    "SINHALA": "si",
}  # fmt: skip


def detect(text: str) -> Language:
    """The language of a text. Never raises; looks at the first and last `LOOKED_AT` / 2 characters of a long one."""
    if len(text) > LOOKED_AT:
        text = f"{text[: LOOKED_AT // 2]} {text[-LOOKED_AT // 2 :]}"
    words = _TOKEN.findall(_NOISE.sub(" ", text).replace("\u2019", "'").lower())
    if not words:
        return _UNDECIDED
    other = _other_script(words)
    return other if other is not None else _latin(words)


def _other_script(words: Sequence[str]) -> Language | None:
    """Decided by letters alone. None if there are (next to) no letters outside of the Latin script."""
    scripts: Counter[str] = Counter()
    letters = 0
    for word in words:
        letters += len(word)
        if not word.isascii():
            scripts.update(filter(None, map(_script, word)))
    count = scripts.total()
    # One borrowed letter (π, µ) is English; two such letters are a word of somebody's language.
    if count < 2:
        return None
    code = "ja" if scripts["ja"] else scripts.most_common(1)[0][0]
    joined = "".join(words)
    if code == "ru" and any(letter in joined for letter in "іїєґ"):
        code = "uk"
    if code == "ar" and any(letter in joined for letter in "پچژگ"):
        code = "fa"
    share = count / letters
    return Language(code=code, confidence=round(min(1.0, share), 3), foreign=True, mixed=share < 0.5)


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """The language that a letter's script stands for; "" for Latin."""
    if letter.isascii():
        return ""
    name = unicodedata.name(letter, "")
    return _SCRIPTS.get(name.partition(" ")[0], "")


def _latin(words: Sequence[str]) -> Language:
    english = sum(word in _ENGLISH for word in words)
    hits: Counter[str] = Counter()
    marked = 0
    for word in words:
        codes = _LOOKUP.get(word, ())
        hits.update(codes)
        if not word.isascii():
            letters = {code for letter in word for code in _LETTERS.get(letter, "").split()}
            hits.update(sorted(letters.difference(codes)))  # sorted: of equal languages the first met is named
            marked += bool(letters) or bool(codes)
    code, strength = hits.most_common(1)[0] if hits else (None, 0)
    if strength > english or (strength >= 2 and strength == english):
        return Language(code=code, confidence=round(strength / (strength + english), 3), foreign=True)
    # Two words of one language and nothing that ties them to English: a foreign clause in an English text.
    if strength >= 3 and (strength >= 0.25 * english or marked >= 2):
        return Language(code=code, confidence=round(strength / (strength + english), 3), foreign=True, mixed=True)
    if english == 0 and len(words) >= 4:
        return Language(code=None, confidence=0.5, foreign=True)
    if english == 0:
        return _UNDECIDED
    return Language(code="en", confidence=round(english / (english + strength), 3), foreign=False)
