"""Fold text that looks the same: look-alike letters, full-width forms, invisible marks."""

import unicodedata

# Cyrillic and Greek letters drawn like a Latin one. Some real benchmark rows are written with them.
# Greek small letters other than omicron are left alone: alpha, nu and the like carry meaning in medical text.
_CYRILLIC = dict(zip("АВЕЅІЈКМНОРСТУХԌаеѕіјкморстухԁһԛԝё", "ABESIJKMHOPCTYXGaesijkmopctyxdhqwe", strict=True))
_GREEK = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True))
# NFKC folds circled letters but not the white-on-black ones.
_NEGATIVE = {chr(start + i): chr(ord("A") + i) for start in (0x1F150, 0x1F170) for i in range(26)}
_INVISIBLE = dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f")
_TABLE = str.maketrans({**_CYRILLIC, **_GREEK, **_NEGATIVE, **_INVISIBLE})


def fold_lookalikes(text: str) -> str:
    """Return the text in Unicode NFKC with look-alike letters as Latin ones and invisible marks removed.

    Letter case and white space are kept. Two texts that differ only in how their letters are encoded fold to
    the same string; the result is for comparing, not for showing.
    """
    return unicodedata.normalize("NFKC", text).translate(_TABLE)
