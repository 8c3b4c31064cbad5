"""The forms in which models state an answer, as regular expressions over folded text."""

import re

# The form that our prompt asks for, alone on its line.
STRICT = re.compile(r"^[ \t]*Answer:[ \t]*([A-Z])[ \t]*\.?[ \t]*$", re.MULTILINE)

_ADVERB = (
    r"(?:(?:most likely|most probably|likely|probably|therefore|thus|clearly|definitely|indeed|still|then)"
    r"[ \t]+)?"
)
_VERB = (
    r"(?:(?:is|are|was|would be|should be|must be|will be|would therefore be|seems to be|appears to be)\b"
    r"|(?:is )?[:=]|->|→|⇒)"
)
# "the answer is X", "Answer: X", "best option: X", "correct answer among these is X"; the value follows.
STATED = re.compile(
    r"(?:\b(?:answers?|choice|option|selection)\b"
    r"(?:[ \t]+(?:to|for|here|among|from|of|in|based on|according to)\b[^.:\n]{0,80}?)?"
    rf"[ \t]*\)?{_VERB}|\bresponse[ \t]*:|\banswer[ \t]+(?=[(\[][A-J][)\]]))[ \t]*:?\s*{_ADVERB}",
    re.IGNORECASE,
)
# "the most likely cause is:", with a label on the next line.
PRESENTED = re.compile(r"\b(?:is|be)[ \t]*:[ \t]*\n\s*(?=\(?[A-J](?:[).:]|[ \t]*$))", re.MULTILINE)
# "I choose X", "we would go with option X".
CHOSEN = re.compile(
    r"\b(?:I|we)(?:['’]d|['’]ll| would| will| must| should| therefore)?[ \t]+"
    r"(?:choose|chose|select|selected|pick|picked|go with)[ \t]+(?:the[ \t]+)?",
    re.IGNORECASE,
)
# "X is the correct answer", said of a letter at the start of a clause: never of "vitamin D" or "hepatitis B".
CALLED_RIGHT = re.compile(
    r"(?:^|[.;:,!?]\s+|\n|\b(?:so|thus|hence|therefore|and|that|[Oo]ption|[Cc]hoice|[Aa]nswer)[ \t,]+)"
    r"\(?([A-J])\)?[ \t]+is[ \t]+(?:(?:therefore|thus|clearly|most likely)[ \t]+)?"
    r"(?:the[ \t]+)?(?:single[ \t]+)?"
    r"(?:correct|best|right|most appropriate|most accurate|most likely)\b"
)
# 答案是 C, 答案: C, 故选 C, 选择 C (colons and brackets are folded before).
CHINESE = re.compile(
    r"答案(?:应该|应)?(?:是|为)?[ \t]*:?\s*(?:选项)?[ \t]*"
    r"|(?<!不)(?:选择|选(?!项))[ \t]*:?[ \t]*(?:选项)?[ \t]*(?=[(\[]?[A-J])"
)
TAGGED = re.compile(r"<(?:answer|final_answer|choice)>\s*(.*?)\s*</", re.IGNORECASE | re.DOTALL)
BOXED = re.compile(r"\\f?box(?:ed)?\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
JSON_FIELD = re.compile(
    r"[\"'](?:(?:final|correct|predicted|best|selected)_?)?(?:answer|choice|option|label|prediction|letter)"
    r"(?:_?(?:choice|idx|index|letter|option|key))?[\"']\s*:\s*\[?\s*"
    r"(?:\"((?:[^\"\\\n]|\\.)*)\"|'([^'\n]*)'|([A-J]\b|\d+))",
    re.IGNORECASE,
)
BOLD = re.compile(r"\*\*([^*\n]+?)\*\*|__([^_\n]+?)__|<(?:b|strong)>([^<\n]+?)</")
FINAL_HEADING = re.compile(
    r"^[^\w\n]{0,20}(?:the )?(?:final|my) (?:answer|response|conclusion|choice)[^\w\n]{0,20}$",
    re.IGNORECASE | re.MULTILINE,
)
NAMED_OPTION = re.compile(r"\b(?:[Oo]ption|[Cc]hoice|OPTION)[ \t]+\(?([A-J])\)?(?![\w'’-])")
LABEL_START = re.compile(r"^[\s>*•#-]*\(?([A-J])[).:]", re.MULTILINE)
# A base model goes on with questions of its own; what it answers there is no answer to ours.
RUN_ON = re.compile(r"^[ \t]*(?:#+[ \t]*)?(?:Question|Q)[ \t]*\d*[ \t]*[:.]", re.IGNORECASE | re.MULTILINE)

# Before a statement: it is denied, supposed or asked, not made.
NOT_MEANT = re.compile(
    r"(?:\b(?:incorrect|wrong|false|worst|if|whether|unless|not|isn['’]?t|alternative|other|another|previous"
    r"|each|every|following|provided|given|listed|possible)"
    r"(?:[ \t]+(?:the|that|of|an?|your|correct|best|right|single|answer|given|provided))*[ \t]*)$",
    re.IGNORECASE,
)
DENIED_AFTER = re.compile(
    r"[ \t)\]:,*-]*(?:"
    r"(?:is|are|was|would be|seems|can be)[ \t]+"
    r"(?:not|incorrect|wrong|false|unlikely|less|ruled out|excluded)\b"
    r"|(?:isn['’]t|cannot|can['’]t|doesn['’]t|does not|incorrect|wrong|not correct)\b"
    r"|(?:选项)?(?:是错|不正确|不对|错误|不是))",
    re.IGNORECASE,
)
DENIED_BEFORE = re.compile(
    r"\b(?:not|nor|neither|than|unlike|except|exclud\w+|eliminat\w+|rul\w+ out|reject\w*|against)"
    r"[ \t]+(?:(?:option|choice)[ \t]+)?\W*$",
    re.IGNORECASE,
)

REFUSED = re.compile(
    r"\b(?:I|we)(?:['’]m| am| are)? ?(?:very |truly )?(?:sorry|unable to|not able to|cannot|can['’]?t"
    r"|won['’]t|will not|must decline|have to decline|decline)\b(?:,? but)?(?: I)?[^.\n]{0,60}?"
    r"\b(?:answer|provide|help|assist|give|offer|diagnos\w+|recommend|choose|select|advise|comply|fulfil\w*|respond"
    r"|do that)\b"
    r"|\b(?:sorry|apologi[sz]e),? (?:but )?I (?:cannot|can['’]t|am unable|won['’]t)\b"
    r"|抱歉|无法回答|不能提供",
    re.IGNORECASE,
)

_MARKUP = re.compile(r"\*+|`+|__|\$|\\[()\[\]]|</?(?:b|strong|i|em|p|br|span|u)\b[^<>]*>|^[ \t]*#+[ \t]*", re.MULTILINE)
_LATEX_TEXT = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathsf|rm|bf)\s*\{([^{}]*)\}")


def without_markup(text: str) -> str:
    """Remove emphasis, headings' hashes, LaTeX wrappers and simple HTML tags; the words stay as they were."""
    return _MARKUP.sub("", BOXED.sub(r"\1", _LATEX_TEXT.sub(r"\1", text)))
