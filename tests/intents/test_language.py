"""English or not, on sentences that customers write."""

# ruff: noqa: RUF001 -- texts of other languages

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intents.language import detect

ROOT = Path(__file__).parents[2]

FOREIGN = [
    ("de", "Ich kann mich nicht mehr anmelden, bitte helfen Sie mir"),
    ("de", "wie ändere ich mein passwort?"),
    ("fr", "Bonjour, comment puis-je changer mon mot de passe ?"),
    ("fr", "l'application ne marche plus depuis hier"),
    ("es", "hola, no puedo entrar en mi cuenta desde ayer"),
    ("es", "¿Cómo descargo la factura?"),
    ("it", "Buongiorno, non riesco ad accedere al mio conto"),
    ("pt", "não consigo entrar na minha conta, podem ajudar?"),
    ("nl", "hoe kan ik mijn wachtwoord wijzigen"),
    ("pl", "nie mogę się zalogować na moje konto"),
    ("tr", "hesabıma giriş yapamıyorum, lütfen yardım"),
    ("sv", "jag kan inte logga in på mitt konto"),
    ("fi", "en pääse kirjautumaan sisään, miten voin vaihtaa salasanan"),
    ("cs", "nemohu se přihlásit, prosím o pomoc"),
    ("ro", "nu pot să intru în contul meu, vă rog ajutor"),
    ("hu", "nem tudok belépni a fiókomba, kérem segítsenek"),
    ("id", "saya tidak bisa masuk ke akun saya"),
    ("hi", "mera paisa wapas kaise milega bhai"),
    ("ru", "у меня не работает интернет"),
    ("uk", "не можу увійти в обліковий запис, допоможіть"),
    ("ja", "ログインできません"),
    ("zh", "我无法登录我的账户"),
    ("ar", "لا أستطيع تسجيل الدخول"),
    ("hi", "मेरा खाता नहीं खुल रहा है"),
    ("ko", "로그인이 안 돼요"),
    ("el", "δεν μπορώ να συνδεθώ"),
    ("he", "אני לא מצליח להתחבר"),
    ("th", "เข้าสู่ระบบไม่ได้"),
]
ENGLISH = [
    "how do I change my password",
    "HELP MY ACCOUNT IS GONE",
    "pls fix ur app its not workin",
    "login",
    "ok",
    "the naïve résumé in the café does not open",
    "my order from Zürich never arrived",
    "I’d like to export the Überweisung report",
    "the π key on my keyboard is broken",
    "is the Göteborg store open on sunday?",
    "iPhone 12 mini",
    "",
    "12345 !!!",
    "👍👍",
    "thx",
    "see https://example.org/de/hilfe/ich-kann-nicht #help @support",
]
MIXED = [
    "Hello, I need help with my account. Ich kann mich nicht mehr anmelden und habe keine Rechnung bekommen.",
    "how do I export? 我无法登录",
    "hi team, the app is not working, no puedo entrar en mi cuenta desde ayer por la mañana",
]


@pytest.mark.parametrize(("code", "text"), FOREIGN)
def test_other_languages_are_foreign(code: str, text: str) -> None:
    found = detect(text)
    assert found.foreign, found
    assert found.code == code
    assert 0 < found.confidence <= 1


@pytest.mark.parametrize("text", ENGLISH)
def test_english_and_what_is_too_short_to_tell_is_not_foreign(text: str) -> None:
    assert not detect(text).foreign


@pytest.mark.parametrize("text", MIXED)
def test_a_foreign_part_makes_it_foreign(text: str) -> None:
    assert detect(text).foreign


@given(st.text())
def test_never_raises(text: str) -> None:
    found = detect(text)
    assert 0 <= found.confidence <= 1


def test_a_long_text_is_looked_at_at_both_ends() -> None:
    english = "how do I sort the list by name? " * 5000
    assert not detect(english).foreign
    assert detect(english + "帮助我登录").foreign


def test_of_two_languages_that_are_equally_likely_it_is_always_the_same_one() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", "from intents.language import detect; print(detect('S\\u00f8ren').code)"],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True,
        ).stdout
        for seed in "1678"
    }  # fmt: skip
    assert len(said) == 1
