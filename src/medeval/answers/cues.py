"""The words and forms with which replies state an answer, in the languages that were met."""

import re
from typing import NamedTuple

from medeval.answers.labels import BOUNDARY, CJK, ORDINALS
from medeval.answers.text import Words, fold, lower


class Cue(NamedTuple):
    """Words that announce an answer. All patterns are for text in small letters.

    Attributes:
        words: Plain texts, one of which stands wherever `pattern` matches: they are looked for first, being quick.
        pattern: What the cue looks like from that word on; the value follows.
        before: What must stand before the word; None for nothing in particular.
        whole_word: Whether the word must not follow a letter.
        only_labels: Whether it announces labels alone, and only as a remark on them.
    """

    words: tuple[str, ...]
    pattern: re.Pattern[str]
    before: re.Pattern[str] | None = None
    whole_word: bool = True
    only_labels: bool = False


ADVERB = (
    r"(?:(?:most likely|most probably|likely|probably|therefore|thus|clearly|definitely|indeed|still|then|simply"
    r"|certainly|almost certainly|(?:most )?consistent with)[ \t]+)?"
)
_VERB = (
    rf"(?:\b(?:is|are|was|(?:would|should|must|will|could|may|might|can only|has to)[ \t]+{ADVERB}be"
    r"|seems[ \t]+to[ \t]+be|appears[ \t]+to[ \t]+be|turns[ \t]+out[ \t]+to[ \t]+be|to[ \t]+be|remains)\b"
    r"|(?:is[ \t]*)?[:=]|[-=]>|[→⇒➡⟶⟹👉▶]|[ \t][-–—]{1,2}(?=[ \t]))"
)
_NO = r"(?:pas|no|não|non|nicht|niet|nie|není|inte|ikke|nu|không|si|bukan|tidak|ne|not|не|नहीं)\b"
_IS = (
    r"(?:(?:puede|podría|pode|poderia|può|potrebbe)[ \t]+(?:ser|essere)|(?:peut|pourrait)[ \t]+être|sería|seria"
    r"|serait|este|est|es|é|è|ist|lautet|ni|adalah|is|to|jest|je|är|er|là|είναι)\b"
)


def _foreign(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern "la réponse correcte est X", "Antwort: X" for some words that mean "answer"."""
    return re.compile(
        rf"(?:{'|'.join(words)})(?:[ \t]+(?!{_NO}|{_IS})[^\W\d]{{2,}}){{0,3}}"
        rf"(?:[ \t]*[:=]|[ \t]+{_IS}[ \t]*:?|[ \t]+(?=\([a-j]\)))\s*(?!{_NO})"
    )


_ASCII_WORDS = (
    *("respuesta", "resposta", "risposta", "alternativa", "antwort", "antwoord", "jibu", "jawaban", "svaret", "svar"),
    *("vastaus",),
)
# As they look once folded: some Cyrillic letters have become Latin ones.
_OTHER_WORDS = tuple(
    lower(fold(word))
    for word in (
        *("réponse", "opción", "opção", "lösung", "ответ", "उत्तर", "উত্তর", "الإجابة", "الجواب", "ìdáhùn"),
        *("odpowiedź", "odpowiedzią", "odpověď", "відповідь", "απάντηση", "răspunsul", "válasz", "đáp án"),
    )
)

# What questions ask for.
_SOUGHT = (*("diagnosis", "cause", "step", "management", "treatment", "therapy", "drug", "explanation", "mechanism"),)

CUES = (
    # "the answer is X", "Answer: X", "best option: X", "the correct answer among these is X"
    Cue(
        (
            *("ans", "choice", "option", "selection", "decision", "verdict", "conclusion", "response"),
            *("guess", "my pick"),
        ),
        re.compile(
            r"(?:(?:answers?|choice|option|(?:choices|options)(?=[ \t]+are\b)|selection|decision|verdict|conclusion"
            r"|guess|my pick)\b|ans(?:\.|\b))"
            r"(?:,[^,.:\n]{1,20},)?(?:[ \t]+(?:to|for|here|among|from|of|in|based on|according to)\b[^.:\n]{0,80}?)?"
            rf"[ \t]*\)?[ \t]*{ADVERB}{_VERB}[ \t]*:?\s*{ADVERB}"
            r"|ans\.[ \t]*|answers?[ \t]*\|[ \t]*|answer[ \t]+(?=[(\[][a-j][)\]])|response[ \t]*:\s*"
        ),
    ),
    # the same in other languages
    Cue(_ASCII_WORDS, _foreign(_ASCII_WORDS)),
    Cue(_OTHER_WORDS, _foreign(_OTHER_WORDS)),
    # "d'où la réponse B.": no verb, but a word of conclusion
    Cue(
        (*_ASCII_WORDS, *_OTHER_WORDS),
        re.compile(rf"(?:{'|'.join((*_ASCII_WORDS, *_OTHER_WORDS))})[ \t]+(?=\(?[a-j]\)?[ \t]*(?:[.!\n]|$))"),
        re.compile(
            r"\b(?:d'où|donc|ainsi|por (?:lo )?tanto|portanto|logo|luego|quindi|dunque|daher|also|somit|dus|zatem|więc)"
            r"[ \t,:]+(?:(?:la|le|el|a|o|il|die|de|het)[ \t]+|l')?$"
        ),
    ),
    # "points to option X", "the panel agrees on X"; never in a sentence that denies or supposes
    Cue(
        (
            *(
                "points to",
                "point to",
                "corresponds to",
                "agree on",
                "agrees on",
                "agreed on",
                "settle on",
                "settles on",
            ),
            *(
                "suggest option",
                "suggests option",
                "indicates option",
                "supports option",
                "with option",
                "recommend option",
            ),
        ),
        re.compile(
            r"(?:points? to|corresponds to|(?:agree[ds]?|settles?) on|suggests?|indicates|supports|with"
            r"|recommend)[ \t]+"
            r"(?:(?=(?:option|choice|answer)[ \t]+\(?(?:[a-j]|\d)\b)|(?=\(?[a-hj]\)?[ \t]*(?:[.!\n]|$)))"
        ),
        re.compile(
            r"(?:^|[.!?;\n])(?:(?!\b(?:no|not|nothing|neither|none|nor|hardly|never|cannot|un\w+|less|would|could|might"
            r"|may|if|against|rather|expert|whether|you|some|many|most|\w+n't)\b)[^.!?;\n])*(?<!dealing )(?<!treated )$"
        ),
        only_labels=True,
    ),
    # "the most likely diagnosis is malrotation (option X)"
    Cue(
        tuple(f"{sought} is" for sought in _SOUGHT),
        re.compile(rf"(?:{'|'.join(_SOUGHT)}) is:?[ \t]+"),
        re.compile(
            r"\b(?:correct|best|(?<!less )(?<!least )(?:likely|appropriate|probable|suitable))[ \t]+(?:\w+[ \t]+){0,2}$"
        ),
        only_labels=True,
    ),
    # where the verb comes last: "Doğru cevap B'dir", "उत्तर B है"
    Cue(
        ("cevap", "yanıt", "उत्तर", "উত্তর"),
        re.compile(r"(?:cevap|yanıt|उत्तर|উত্তর)[ \t]*:?[ \t]*(?=\(?[a-j]\)?(?:[ \t]|'|$))"),
    ),
    # "I choose X", "we would go with option X", "I'd say X"
    Cue(
        (
            *("choose", "chose", "select", "pick", "go with", "going with", "say ", "lean", "opt for", "favo"),
            *("think", "believe"),
        ),
        re.compile(
            r"(?:choose|chose|select(?:ed)?|pick(?:ed)?|go with|going with|say|lean(?:ing)? towards?|opt for|favou?r)"
            r"[ \t]+(?:the[ \t]+)?"
            r"|(?:think|believe)[ \t]+(?:that[ \t]+)?(?=(?:option[ \t]+)?\(?[a-hj]\)?(?:[ \t]*(?:[.,;!\n]|$)"
            r"|[ \t]+(?:is|fits|because)\b))"
        ),
        re.compile(
            r"(?:\b(?:i|we)(?:'(?:d|ll|m|re)|[ \t]+(?:am|are|would|will|must|should))?(?:[ \t]+therefore)?"
            r"|(?:^|[.!?\n])[ \t]*)[ \t]*$"
        ),
    ),
    # 答案是 X, 正解は X, 정답: X, 选 X; colons and brackets are folded before
    Cue(
        ("答案", "正确的是", "正解", "答え", "选", "選項", "답"),
        re.compile(
            r"(?:(?:答案|正确的是|正解|答え|(?<=正确)选项|(?<=正確)選項|답)[\])]?"
            r"(?:应该|应)?(?:是|为|為|は|은|는)?[ \t]*:?\s*(?:选项)?"
            r"|(?:选择|选(?!项))[ \t]*:?[ \t]*(?:选项)?[ \t]*(?=[(\[]?[a-j]))[ \t]*"
        ),
        re.compile(r"(?<!不)$"),
        whole_word=False,
    ),
)

COUNTED = ("option", "choice")
FIELD_COLONS = ('":', "':", '" :', "' :")
LINE_COLON = ":\n"
WORDS = Words([*(word for cue in CUES for word in cue.words), *COUNTED, *FIELD_COLONS, LINE_COLON])

# The text that ends here denies, asks or supposes what follows. `LAST_WORDS` are the words it can end with.
NOT_MEANT = re.compile(
    r"\b(?:incorrect|wrong|false|worst|if|whether|unless|not|isn'?t|alternative|other|another|previous"
    r"|each|every|following|provided|given|listed|possible|(?:least|less) likely)"
    r"(?:[ \t]+(?:the|that|of|an?|your|correct|best|right|single|answer|given|provided))*[ \t]*$"
)
_LAST = (
    "incorrect wrong false worst if whether unless not isn't isnt alternative other another previous each every"
    " following provided given listed possible likely the that of an a your correct best right single answer"
)
LAST_WORDS = frozenset(_LAST.split())

# A letter that stands by itself is a label after these words ("it must be X", "that leaves X", "actually, X") ...
BEFORE_LABEL = re.compile(
    rf"\b(?:(?:it|this|that|which)(?:'s| is| must be| has to be| should be| would be| can only be) {ADVERB}"
    r"|(?:best|correct|right|(?<!least )(?<!less )(?<!not )appropriate|most (?:likely|accurate|suitable|consistent"
    r"|probable|plausible"
    r"|fitting))"
    rf"\b[^.,;:\n]{{0,50}} (?:is|would be|must be|should be):? {ADVERB}"
    r"|(?:so|thus|hence|therefore),? (?:i|we) (?:need|want|take|get|have) "
    r"|leav(?:es|ing) (?:us |me )?(?:with )?(?:only )?"
    r"|(?:actually|correction|make that|i mean|probably|most likely|most probably|(?<!less )likely)[,:]? (?:it's )?"
    r"|(?:change|changing|switch|switching|revise|correct)(?: (?:my|the) (?:answer|choice)| it| that)? to "
    r")(?:(?:option|choice|letter|answer|row) )?$"
)
# ... the same where the letter must end its sentence ("so the organ is X") ...
BEFORE_LAST_LABEL = re.compile(
    r"\b(?:so|thus|hence|therefore),? (?:the|this|that|his|her|its) (?:\w+ ){0,2}(?:organ|drug|agent|diagnosis"
    r"|treatment|therapy|management|cause|step|test|structure|nerve|artery|vein|vessel|muscle|organism|pathogen|mechanism"
    r"|finding|disease|disorder|condition|one)(?: (?:in|of|for) [^.,;:\n]{1,30})? (?:is|must be) $"
)
# ... or must not be the only one ("it could be X or Y").
BEFORE_SEVERAL = re.compile(r"\b(?:(?:could|may|might) be|is)(?: either)? $")
_BEFORE = (
    "is be it's this's that's leaves leaving us me with only actually correction that mean probably likely to therefore"
    " thus clearly definitely indeed still then simply certainly need want take get have option choice letter answer"
    " row either"
)
BEFORE_LABEL_WORDS = frozenset(_BEFORE.split())
SENTENCE_ENDS = re.compile(r"[)\]\"']*[ \t]*(?:[.!\n]|$)")
# "A) x and C) y": nothing is said of one of them.
AND_ANOTHER = re.compile(r"[^.\n]{0,120}?\b(?:and|or|,) (?:option |answer )?\(?[A-J]\)")
# ... and before these ("X is the best choice", "X fits best", "A and C are both correct", X是正确的).
_RIGHT = (
    r"(?:correct|right|best|(?P<called>(?:(?:correct|right|best) )?answer)|(?:final )?choice"
    r"|most (?:appropriate|accurate|likely|consistent|suitable|fitting|plausible|probable|correct)|chosen|selected)\b"
    r"(?: (?:choice|option))?"
)
AFTER_LABEL = re.compile(
    r"[)\]\"']*(?: \([^()\n]{1,80}\)|,? \"[^\"\n]{1,120}\",?|, [^,.\n]{1,80},)?"
    rf"(?: (?:is|seems|appears|looks|must be|would be|remains|(?P<several>are))(?: to be)? {ADVERB}"
    rf"(?:both |all |also )?(?:the |my )?(?:single |final )?{_RIGHT}"
    r"| (?:fits|matches|explains)\b[^.,;\n]{0,40}\bbest\b| best (?:fits|matches|explains)\b"
    r"| (?:é|est|es|è|ist) (?:a |la |le |il |die )?(?:alternativa |opci[oó]n |opção |bonne |réponse )?"
    r"(?:correta|correcta"
    r"|correcte?|corretta|bonne|juste|richtige?|adequada|adecuada|apropriada)\b"
    r"| ?(?:选项)?(?:是|为)?(?:正确|对的|最(?:符合|可能|合适|佳)))"
)
_CLOSING = r"[)\]\"']*"
# "Option 3 is correct", "the third option is the best one".
_IS_RIGHT = rf" (?:is|seems|must be) {ADVERB}(?:the )?{_RIGHT}"
COUNTED_RIGHT = re.compile(rf"(?:option|choice) #?\d{{1,2}}\)?{_IS_RIGHT}")
ORDINAL_RIGHT = re.compile(rf"(?:{'|'.join(ORDINALS)}) (?:option|choice){_IS_RIGHT}")
# Letters that stand alone, and that such words could stand before or after: only those are looked at. An apostrophe or
# a hyphen joins a letter to a word. What must stand before is said after the letter, which is quicker to search for.
_ENDINGS = "|".join(sorted({word[-2:] for word in BEFORE_LABEL_WORDS}))
_PAUSES = (" ", "[,:] ", r" [(\[\"']", r"[,:] [(\[\"']")
_BEHIND_WORD = "|".join(rf"(?<=(?:{_ENDINGS}){pause}.)" for pause in _PAUSES)
LETTER = re.compile(
    rf"[A-J](?![^\W{CJK}]|['-])(?<![^\W{CJK}].)(?<!['-].)(?:(?={_CLOSING}(?:{BOUNDARY}| or [A-J]\b))"
    rf"(?:{_BEHIND_WORD})"
    rf"|(?={_CLOSING}(?: \([^()\n]{{1,80}}\))? ?(?:(?:is|IS|are|ARE|seems|appears|looks|must|would|remains|fits|matches"
    r"|explains|best|é|est|es|è|ist)\b|[选是为正对最])))"
)
SMALL_LETTER = re.compile(r"\([a-j](?=\))")
# Such a clause begins a line or sentence, or follows one of these: never "vitamin" or "hepatitis".
CLAUSE_START = re.compile(
    r"(?:^|[\u3000-\u30ff\u4e00-\u9fff]|[.;:,!?\n]\s*"
    r"|\b(?:so|thus|hence|therefore|and|that|but|only|then|both|options?|choices?|answer"
    r"|alternativa|opci[oó]n|opção|opzione|réponse|respuesta|resposta|risposta|antwort)[ ,]+)$"
)
LETTERS_BEFORE = re.compile(r"(?:\(?\b[A-J]\)?(?:, ?(?:and |or )?| (?:and|or|&) ))+$")

# What is kept for answers: boxes, tags, fields.
BOXED = re.compile(r"\\f?box(?:ed)?(?:\s*\{((?:[^{}]|\{[^{}]*+\})*+)(?:\}|\Z)|\s+([A-J])\b)")
TAGGED = re.compile(
    r"\|?(?:answer|final_answer|final|choice|option|ans)\|?>\s*(.{0,600}?)\s*(?:</|<\||\Z|\n\n)"
    r"|(?:final )?answer\]\s*(.{0,200}?)\s*(?:\[/|\Z|\n\n)",
    re.IGNORECASE | re.DOTALL,
)
JSON_KEY = re.compile(
    r"\b(?:(?:final|correct|predicted|best|selected)[_ ]?)?"
    r"(?:answer|choice|option|label|prediction|letter|decision|verdict|selection)"
    r"(?:[_ ]?(?:choice|letter|option|key|label|idx|index|id))?[\"'][ ]?$"
)
JSON_VALUE = re.compile(r"\s*(?:\[([^\]\n]{0,200})|\"((?:[^\"\\\n]|\\.)*)|'([^'\n]*)|([A-J]\b|\d+))")
BOLD = re.compile(r"\*\*([^*\n]+?)\*\*|__([^_\n]+?)__|<(?:b|strong)>([^<\n]+?)</")
# "the most likely cause is:", with a label on the next line.
LABEL_LINE = re.compile(r"\s*(?=\(?[A-J](?:[).:]|[ \t]*(?:\n|$)))")
# A line that announces what stands below it.
HEADING = re.compile(
    r"\n[^\w\n]*(?:the )?(?P<final>final |my |consensus |revised |corrected )?(?:(?:correct|best|consensus) )?"
    r"(?:answer|response|conclusion|choice)"
    r"[^\w\n]*(?=\n)"
)
NAMED_OPTION = re.compile(r"\b(?:[Oo]ption|[Cc]hoice|OPTION)[ \t]+\(?([A-J])\)?(?![\w'-])")
DENIED_BEFORE = re.compile(
    r"\b(?:not|nor|neither|than|unlike|except|exclud\w+|eliminat\w+|rul\w+ out|reject\w*|against)"
    r"[ \t]+(?:(?:option|choice)[ \t]+)?\W*$"
)

# What stands before it is no answer, even where what follows could not be read.
ANNOUNCED = re.compile(r"\banswer(?: is|:)")

# Which of several statements stands: what is taken back does not, a turn of thought or a conclusion counts more.
TAKEN_BACK = re.compile(
    r"\b(?:(?:actually|wait|hold on|on reflection|on second thoughts?|upon (?:closer|further|second)|let me|let's re"
    r"|perdón|me equivoqué|corrijo|pardon|je me suis trompée?|desculpe|me enganei|ich habe mich geirrt|korrektur"
    r"|correction|mistaken?|i was wrong|i mean|scratch that|no[,.]"
    r"|re-?(?:consider|evaluat|examin|think|check|assess|visit|read)\w*|made an? (?:error|mistake)|on second look"
    r"|en realidad|rectifico|mejor dicho|en fait|je corrige|na verdade|retifico|in realtà|mi correggo"
    r"|(?:revised|corrected|amended|updated)[ \t]+(?:final[ \t]+)?(?=(?:answer|choice|option)\b))\b"
    r"|(?:revised|corrected|amended|updated)[ \t]+(?:final[ \t]+)?$)"
)
# Chinese, Japanese and Korean do not part their words.
_TAKEN_BACK_UNPARTED = re.compile(
    "重新考[虑慮]|更正|不[对對][，。,]|改[选選]|修正|[纠糾]正|我[错錯]了|訂正|間違え|考え直|정정|다시 생각"
)
TURNED = re.compile(r"\b(?:however|but|instead|initially|at first)\b")
CONCLUDED = re.compile(
    r"\b(?:therefore|thus|hence|so|consequently|accordingly|conclusion|summary|conclude|overall|finally|ultimately|final"
    r"|in the end|altogether|among [a-j] (?:through|to) [a-j]|taken together|all (?:told|in all))\b"
)
# A statement in a sentence that begins so is never the reply's own ...
SUPPOSED = re.compile(
    r"\b(?:if (?!i |we |one |you )[^.\n]{0,100}\b(?:had|were)\b|suppose|supposing"
    r"|assume|assuming|no one|nobody|(?:some|many|most|people|others|students)(?: \w+)?"
    r" (?:would|might|may|could|will))\b"
)
# ... and in one with these it yields to any other.
HEDGED = re.compile(
    r"\b(?:if|were|had|(?:initial|preliminary|provisional|tentative) (?:answer|choice|guess|diagnosis)"
    r"|(?:one|you) (?:would|might|may|could|will)"
    r"|at first|initially|first (?:thought|glance|sight)|looks? as (?:though|if)|tempt\w+|could|may|might)\b"
)


def takes_back(small: str) -> bool:
    """Whether a piece of a reply, in small letters, takes back what stands before it."""
    return TAKEN_BACK.search(small) is not None or (
        not small.isascii() and _TAKEN_BACK_UNPARTED.search(small) is not None
    )
