"""Two addresses are one only if they are one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.addresses import proven_address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana@Example.com", "ana@example.com"),
        (" ana@example.com ", "ana@example.com"),
        ("rene\u0301@example.com", "ren\xe9@example.com"),
        ("REN\xc9@EXAMPLE.COM", "ren\xe9@example.com"),
    ],
)
def test_the_same_in_other_letters(one: str, other: str) -> None:
    assert proven_address(one) == proven_address(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ana+shop@example.com", "ana@example.com"),
        ("a.na@example.com", "ana@example.com"),
        ("stra\xdfe@example.com", "strasse@example.com"),
        ("ana@stra\xdfe.example", "ana@strasse.example"),
        ("\u0430na@example.com", "ana@example.com"),
        ("ana@example.com.", "ana@example.com"),
        ("ana@b@example.com", "b@example.com"),
    ],
)
def test_others_that_look_alike_stay_others(one: str, other: str) -> None:
    assert proven_address(one) != proven_address(other)


@pytest.mark.parametrize(
    "text",
    ["", "ana", "@example.com", "ana@", "ana @example.com", "mi\u212ae@example.com", "ana@example\u037ecom",
     "\u0130na@example.com", "ana@\u212aitchen.example"],
)  # fmt: skip
def test_what_proves_nothing(text: str) -> None:
    assert proven_address(text) is None


@given(st.text(max_size=20), st.text(max_size=20))
def test_it_is_compared_the_same_however_often(name: str, domain: str) -> None:
    found = proven_address(f"{name}@{domain}")
    assert found is None or proven_address(found) == found
    if found is not None and not f"{name}{domain}".isascii():
        assert sum(map(str.isascii, found)) <= sum(map(str.isascii, f"{name}@{domain}")), "no letter became ASCII"
