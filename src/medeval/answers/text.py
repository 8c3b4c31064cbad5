"""Bring a reply into the form that is searched: look-alikes folded, later turns cut off, markup removed."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ahocorasick_rs import AhoCorasick, MatchKind

from medeval.text.homoglyphs import fold_lookalikes

# Halves of pairs, which JSON allows and UTF-8 does not.
_SURROGATE = re.compile("[\ud800-\udfff]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
# Variation selectors say whether the character before them is drawn as an emoji.
_DRAWN_AS = re.compile("[\ufe0e\ufe0f]")
_LINE_ENDS = "\r\x0b\x0c\x85\u2028\u2029"
_BLANKS = "\t\x1c\x1d\x1e\x1f\u1680"
# Quotes and brackets that stand where ASCII ones would.
_MARKS = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "【": "[", "】": "]"})
_EMPTY_LINES = re.compile(r"\n(?: ?\n)+")

# Marks with which chat formats end a turn, found in replies when they were decoded as text.
_TURN_END = re.compile(
    r"</s>|<(?:end|start)_of_turn>|\[/?INST\]"
    r"|<\|(?:im_end|im_start|eot_id|eom_id|end|endoftext|end_of_text|end▁of▁sentence|start_header_id|user|eos)\|>"
)
_TURN_MARKS = ("<|", "</s>", "_of_turn>", "INST]")

_LATEX_TEXT = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathsf|mathit|rm|bf)\s*\{([^{}]*)\}")
_LATEX_MARK = re.compile(r"\\[()\[\]]")
_STRUCK_OUT = re.compile(r"~~[^~\n]{1,200}~~")
_HTML = re.compile(r"</?(?:b|strong|i|em|p|br|span|u|div|h\d)\b[^<>]{0,80}>", re.IGNORECASE)
_HASHES = re.compile(r"^[ \t]*#+[ \t]*", re.MULTILINE)


def fold(text: str) -> str:
    """Fold look-alike letters, line ends and runs of blanks; lines and letter case are kept."""
    if not text.isascii():
        text = _fold_letters(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    for mark in _LINE_ENDS:
        text = text.replace(mark, "\n")
    for blank in _BLANKS:
        text = text.replace(blank, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    if "\n\n\n" in text or "\n \n" in text:
        text = _EMPTY_LINES.sub("\n\n", text)
    return text


def _fold_letters(text: str) -> str:
    """Fold letters, but look first whether there is anything to fold: dashes and the like need nothing."""
    rare = "".join(_NOT_ASCII.findall(text))
    if fold_lookalikes(rare) != rare or not unicodedata.is_normalized("NFKC", text):
        text = fold_lookalikes(text)
    text = text.translate(_MARKS)
    if _SURROGATE.search(rare):
        text = _SURROGATE.sub("\ufffd", text)
    return _DRAWN_AS.sub("", text) if "\ufe0f" in rare or "\ufe0e" in rare else text


def lower(text: str) -> str:
    """Return the text in small letters, every character in its place."""
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


def places(text: str, piece: str) -> Iterator[int]:
    """Yield every place where a piece of text stands."""
    place = text.find(piece)
    while place >= 0:
        yield place
        place = text.find(piece, place + 1)


class Words:
    """Looks for many words at once: one pass over a text takes the time of looking for a few of them.

    Args:
        words: The words; one may be a part of another.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = tuple(dict.fromkeys(words))
        self._automaton = AhoCorasick(self._words, matchkind=MatchKind.Standard)

    def places(self, text: str) -> Mapping[str, Sequence[int]]:
        """Return where each of the words that stand in a text does, in the order of the text."""
        found: dict[str, list[int]] = {}
        for index, start, _ in self._automaton.find_matches_as_indexes(text, overlapping=True):
            found.setdefault(self._words[index], []).append(start)
        return found


def before_turn_end(folded: str) -> str:
    """Cut off what follows the mark that ends a turn; a reply that begins with such a mark keeps what follows it."""
    if (">" not in folded and "]" not in folded) or not any(mark in folded for mark in _TURN_MARKS):
        return folded
    for match in _TURN_END.finditer(folded):
        if folded[: match.start()].strip():
            return folded[: match.start()]
    return folded


def without_markup(text: str) -> str:
    r"""Remove emphasis, headings' hashes, simple HTML, LaTeX around text and what is struck out; keep ``\boxed``."""
    if "\\" in text:
        text = _LATEX_MARK.sub("", _LATEX_TEXT.sub(r"\1", text.replace('\\"', '"')))
    if "~~" in text:
        text = _STRUCK_OUT.sub("", text)
    for mark in ("*", "`", "$", "__"):
        text = text.replace(mark, "")
    if "<" in text:
        text = _HTML.sub("", text)
    if "#" in text:
        text = _HASHES.sub("", text)
    return text
