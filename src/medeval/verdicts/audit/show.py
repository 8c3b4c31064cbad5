"""Plans and states of audits as text."""

from collections.abc import Iterable, Mapping, Sequence
from math import isnan
from typing import Any

from medeval.records.documents import as_json
from medeval.verdicts.audit.cost import Cost
from medeval.verdicts.audit.plan import NoProspect, Prospect
from medeval.verdicts.audit.status import AuditedPart, AuditStatus, UnauditedPart
from medeval.verdicts.measured import POINTS


def prospect_lines(
    found: Sequence[Prospect | NoProspect], risk: float, costs: Mapping[tuple[str, int], Sequence[Cost]]
) -> list[str]:
    """Describe plans.

    Args:
        found: The plans.
        risk: Risk of each claim.
        costs: Costs by claim and part.
    """
    lines = [f"risk {risk:g} for each claim; items are per system"]
    notes: dict[str, None] = {}
    for entry in found:
        if isinstance(entry, NoProspect):
            lines += ["", f"{entry.question.claim} {entry.question.metric}", f"  not planned: {entry.reason}"]
            continue
        question = entry.question
        lines += ["", f"{question.claim} {question.metric}: {question.words}", *_prospect(entry)]
        for cost in costs.get((question.claim, question.part), ()):
            tokens = f"{cost.prompt_tokens:,.0f} tokens read, {cost.reply_tokens:,.0f} generated"
            hours = "hours unknown" if isnan(cost.seconds) else f"{cost.seconds / 3600:,.1f} hours"
            lines.append(f"  {cost.system} on {cost.target}: {tokens}, {hours}")
            notes[f"{cost.system}: {cost.basis}"] = None
        notes.update(dict.fromkeys(entry.notes))
    return [*lines, "", "Assumed: the published figures are right; items are like draws of their kind.", *notes]


def plan_document(
    found: Sequence[Prospect | NoProspect], risk: float, costs: Mapping[tuple[str, int], Sequence[Cost]]
) -> dict[str, Any]:
    """Return plans as a document; the arguments are those of :func:`prospect_lines`."""
    plans = []
    for entry in found:
        key = (entry.question.claim, entry.question.part)
        plans.append({"claim": key[0], "part": key[1], **as_json(entry), "costs": as_json(list(costs.get(key, [])))})
    return {"schema": "audit-plan.v1", "risk": risk, "plans": plans}


def _prospect(entry: Prospect) -> Iterable[str]:
    share = f"{entry.median:,.0f} of {entry.items_total:,} items ({entry.median / entry.items_total:.1%})"
    if not entry.decidable:
        yield (
            f"  NOT DECIDABLE within the test sets: all {entry.items_total:,} items resolve "
            f"{POINTS * entry.resolution:.2f} points, the stated figure is {POINTS * (entry.distance or 0.0):.2f} from "
            "the limit"
        )
        yield f"  for exactly these items and replies: half of the audits end by {share}"
    else:
        yield f"  half of the audits end by {share}, nine of ten by {entry.ninth_decile:,.0f}; mean {entry.mean:,.0f}"
    chance = f"  the claim holds in {entry.holds:.1%} and fails in {entry.fails:.1%}; {entry.before_end:.1%} end early"
    yield chance if entry.within_budget is None else f"{chance}, {entry.within_budget:.1%} within the budget"


def status_lines(status: AuditStatus) -> list[str]:
    """Describe the state of an audit."""
    lines = [f"order {status.commitment} (seed {status.seed}), verified; risk {status.risk:g} per claim"]
    for claim in status.claims:
        flags = f" ({', '.join(claim.flags)})" if claim.flags else ""
        lines += ["", f"{claim.claim_id} {claim.verdict}{flags}: {claim.sentence}"]
        for part in claim.parts:
            lines += [f"  {line}" for line in _part(part)]
    return [*lines, *_account(status)]


def look_line(status: AuditStatus) -> str:
    """Describe one look of an audit that is conducted, on one line."""
    found = [
        f"{claim.claim_id} {part.metric} {part.low:+.1f} to {part.high:+.1f} {part.verdict}"
        for claim in status.claims
        for part in claim.parts
        if isinstance(part, AuditedPart)
    ]
    asked = max((status.items or {}).values(), default=0)
    return f"{asked:,} items per system, {status.hours or 0.0:.2f} hours: {'; '.join(found)}"


_ENDS = {"decided": "every claim is decided as far as items can", "max_items": "the budget of items is used up"}
_ENDS |= {"max_hours": "the budget of hours is used up"}


def _account(status: AuditStatus) -> Iterable[str]:
    """Say what was spent, for an audit that is conducted here."""
    if status.items is not None:
        asked = ", ".join(f"{system} {items:,} items" for system, items in status.items.items())
        end = f"; ended: {_ENDS[status.ended]}" if status.ended else ""
        yield ""
        yield f"asked: {asked or 'nothing yet'}; {status.hours or 0.0:.2f} hours{end}"


def _part(part: AuditedPart | UnauditedPart) -> Iterable[str]:
    if isinstance(part, UnauditedPart):
        yield f"{part.metric}: {part.reasons[0]}"
        return
    used = f"{part.rounds:,} of {part.rounds_total:,} rounds, {part.items:,} of {part.items_total:,} items"
    yield f"{part.metric}: {part.question}; {used}"
    if part.estimate is not None:
        interval = f"{part.low:.2f} to {part.high:.2f} at {100 * (1 - part.alpha):g} % at all times"
        yield f"estimate {part.estimate:.2f} points, {interval}"
    yield from part.reasons
    if part.unused:
        yield f"{part.unused:,} answered items are in no complete round and not used"
    if outlook := part.outlook:
        yield (
            f"if the items to come are like these: half of the audits end by {outlook.median:,} items, nine of ten "
            f"by {outlook.ninth_decile:,}, and the claim holds in {outlook.holds:.0%}"
        )
