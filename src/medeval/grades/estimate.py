"""What a grading will cost, before it begins: calls, tokens, and money where the judge's prices are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from medeval.grades.questions import JudgeQuestion
from medeval.run.judge import ApiJudge, LocalJudge

# English text, in the tokens of current models; HealthBench has other languages too, which take more.
_CHARACTERS_PER_TOKEN = 4.0
# One sentence and a boolean in JSON; measured with the demo's judge. A judge that reasons first takes more.
TYPICAL_GRADE_TOKENS = 45


@dataclass(frozen=True)
class JudgingCost:
    """The cost of judging calls.

    Attributes:
        calls: Number of calls, each made once.
        grades: Criteria that they decide.
        prompt_tokens: Tokens of all prompts, estimated from their characters.
        read_tokens: Those of them that are read if a prompt's shared beginning is read once.
        completion_tokens: Tokens of all replies, at `TYPICAL_GRADE_TOKENS` a grade.
        most_completion_tokens: Tokens of all replies if each is as long as it may be.
        usd: Price in US dollars with typical replies; None without prices.
        most_usd: Price in US dollars with the longest replies; None without prices.
    """

    calls: int
    grades: int
    prompt_tokens: int
    read_tokens: int
    completion_tokens: int
    most_completion_tokens: int
    usd: float | None
    most_usd: float | None

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.calls:,} calls for {self.grades:,} grades; prompts of about {self.prompt_tokens:,} tokens "
            f"({self.read_tokens:,} if shared beginnings are read once); replies of about {self.completion_tokens:,} "
            f"tokens, at most {self.most_completion_tokens:,}; {self._price()}"
        )

    def _price(self) -> str:
        if self.usd is None or self.most_usd is None:
            return "price not known"
        return f"about {self.usd:,.2f} US dollars, at most {self.most_usd:,.2f}, if no call has to be made again"


def estimate(questions: Sequence[JudgeQuestion], settings: LocalJudge | ApiJudge) -> JudgingCost:
    """Estimate what it takes to have questions decided, in the order in which they are asked."""
    grades = sum(question.criteria or 1 for question in questions)
    prompt = sum(len(question.text) for question in questions) / _CHARACTERS_PER_TOKEN
    saved = sum(
        len(question.shared)
        for before, question in pairwise(questions)
        if question.shared and before.shared == question.shared
    )
    typical = grades * min(TYPICAL_GRADE_TOKENS, settings.max_tokens)
    most = grades * settings.max_tokens
    return JudgingCost(
        calls=len(questions),
        grades=grades,
        prompt_tokens=round(prompt),
        read_tokens=round(prompt - saved / _CHARACTERS_PER_TOKEN),
        completion_tokens=typical,
        most_completion_tokens=most,
        usd=_price(settings, prompt, typical),
        most_usd=_price(settings, prompt, most),
    )


def _price(settings: LocalJudge | ApiJudge, prompt_tokens: float, completion_tokens: float) -> float | None:
    if not isinstance(settings, ApiJudge):
        return None
    each = settings.usd_per_million_prompt_tokens, settings.usd_per_million_completion_tokens
    if each[0] is None or each[1] is None:
        return None
    return (prompt_tokens * each[0] + completion_tokens * each[1]) / 1e6
