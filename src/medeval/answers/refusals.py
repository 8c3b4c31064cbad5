"""Recognise a reply that declines to answer."""

import re

from medeval.answers.text import Words, lower

_CANNOT = (
    r"(?:\bI(?:['’]m| am)? ?(?:very |truly |just )?(?:unable to|not able to|cannot|can['’]?t|can not|won['’]t|will not"
    r"|must decline|have to decline|decline|do(?:n['’]t| not) have the (?:ability|qualifications?) to)"
    r"|(?:\bnot(?: be)? |in)appropriate for me to)\b"
)
# What is declined must be an answer: "I cannot give her a beta blocker" is medicine.
_TO_ANSWER = r"(?:answer|help|assist|comply|fulfil\w*|respond|do that|say|choose|select)\b"
_TO_ADVISE = (
    r"(?:provide|give|offer|make|diagnose|recommend|advise)\b(?:[^.\n]{0,40}?"
    r"\b(?:advice|answers?|diagnos[ei]s|opinion|guidance|recommendations?|dos(?:e|age)|prescription|information|help|assistance)\b|\s*(?:[.\n]|\Z))"
    r"|provide (?:that|this)\b"
)
_REFUSED = re.compile(
    rf"{_CANNOT}(?:,? but)?[^.\n]{{0,40}}?\b(?:{_TO_ANSWER}|{_TO_ADVISE})"
    r"|\bas an? (?:AI|artificial|(?:large )?language model)\b[^.\n]{0,60}\b(?:cannot|can['’]t|unable|not able)\b"
    r"|\bI (?:must |have to )?decline\b"
    r"|\b(?:sorry|apologi[sz]e),? (?:but )?I (?:cannot|can['’]t|am unable|won['’]t)\b"
    r"|\bje ne peux pas\b[^.\n]{0,40}?\b(?:conseil|avis|répondre|diagnostic|aider)"
    r"|\bno puedo\b[^.\n]{0,40}?\b(?:consejo|responder|diagn[oó]stico|ayudar|asesor)"
    r"|\bnão posso\b[^.\n]{0,40}?\b(?:conselho|responder|diagnóstico|ajudar|aconselh)"
    r"|\bich (?:kann|darf)\b[^.\n]{0,40}?\b(?:kein|nicht)\w*\b[^.\n]{0,40}?(?:berat|antwort|diagnos|helfen|rat\b)"
    r"|抱歉|无法(?:回答|提供)|不能提供",
    re.IGNORECASE,
)
# One of these stands in every refusal: looked for first, being quick. The rest of it is near.
_HINTS = Words(
    [
        *("cannot", "can't", "cant ", "can not", "unable", "not able", "decline", "won't", "will not"),
        *(
            "appropriate for",
            "have the ability",
            "have the qualification",
            "ne peux",
            "no puedo",
            "não posso",
            "ich kann",
        ),
        *("ich darf", "抱歉", "无法", "不能"),
    ]
)
_NEAR = 160


def is_refusal(text: str) -> bool:
    """Whether a reply declines to answer, in one of the languages that were met."""
    found = _HINTS.places(lower(text))
    return any(_refuses(text, place) for places in found.values() for place in places)


def _refuses(text: str, place: int) -> bool:
    return _REFUSED.search(text, max(0, place - _NEAR), place + _NEAR) is not None
