"""Look-alike letters: found where they hide, not where another script is honestly used."""

import pytest

from medeval.text.look_alikes import describe, look_alike_words

CYRILLIC_A, CYRILLIC_K, GREEK_OMICRON = "\u0430", "\u043a", "\u03bf"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"p{CYRILLIC_A}in in the chest", 1),
        (f"serum {CYRILLIC_K} of 3 mmol and {CYRILLIC_A} fever", 2),
        (f"t{GREEK_OMICRON}xin", 1),
        ("\u0391lpha", 1),
        ("5 \u03bcg, 3 \u00b5L, NF\u03baB, TNF\u03b1, \u0394F508", 0),
        ("\u0447\u0442\u043e \u044d\u0442\u043e, \u0430 \u0441\u0443\u0445\u043e", 0),
        ("He wrote \u0432\u0440\u0430\u0447 on the form", 0),
        ("plain text, caf\u00e9", 0),
    ],
)
def test_only_disguised_words_count(text: str, found: int) -> None:
    assert len(look_alike_words(text)) == found


def test_the_description_names_code_points_and_not_the_text() -> None:
    assert describe([f"p{CYRILLIC_A}in", f"b{CYRILLIC_A}d"]) == "2 word(s) with U+0430"
