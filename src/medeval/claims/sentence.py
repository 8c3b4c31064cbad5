"""One sentence per verdict that can be quoted without being wrong."""

import re

from medeval.claims.verdicts import Decision, Verdict
from medeval.config.publication_claims import Claim

_OPENINGS = {
    Verdict.REPRODUCED: "Reproduced",
    Verdict.NOT_REPRODUCED: "Not reproduced",
    Verdict.INCONCLUSIVE: "Undecided",
    Verdict.NOT_TESTABLE: "Not testable in this run",
}


def sentence(claim: Claim, verdict: Verdict, decisions: list[Decision], *, name_targets: bool = False) -> str:
    """Say the verdict on a claim with the figures behind it.

    Args:
        claim: The claim.
        verdict: The verdict on the whole.
        decisions: Its parts.
        name_targets: Whether to say on which target each part was measured.
    """
    details = "; ".join(_detail(decision, name_targets) for decision in decisions)
    return f"{_OPENINGS[verdict]}: “{claim.sentence}” {details}."


def _detail(decision: Decision, name_target: bool) -> str:
    on = f" on {decision.target}" if name_target and decision.target else ""
    if decision.estimate is None:
        return f"{decision.metric}{on}: {decision.reasons[0]}" if on else decision.reasons[0]
    figure = {"points": "{:+.2f} points", "percent": "{:.1f} % smaller", "ratio": "{:.2f} times fewer tokens"}
    text = f"{decision.metric}{on}: {figure[decision.unit].format(decision.estimate)}"
    if decision.low is not None and decision.high is not None:
        text += f" (95 % interval {decision.low:+.2f} to {decision.high:+.2f})"
    items = f" on {decision.items:,} items" if decision.items else ""
    # A hyphen before a number reads as a dash at the end of a line; a minus sign does not.
    return re.sub(r"(?<=[ (])-(?=\d)", "\N{MINUS SIGN}", f"{text}{items}; {decision.reasons[0]}")
