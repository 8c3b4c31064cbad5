"""A desk audit as a table for people."""

import io

from rich import box
from rich.console import Console
from rich.table import Table

from medeval.publication.desk_audit.findings import CheckOutcome, ClaimAudit, DeskAudit, DeskFinding

WIDTH = 100
_MARKS = {CheckOutcome.HOLDS: "+", CheckOutcome.CAUTION: "!", CheckOutcome.FAILS: "x", CheckOutcome.NOT_TESTABLE: "?"}


def to_text(audit: DeskAudit) -> str:
    """Return the audit as plain text, 100 columns wide: one row per claim, then the shared findings."""
    console = Console(width=WIDTH, file=io.StringIO(), color_system=None, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        console.print(f"Desk audit: {audit.title}")
        console.print("On printed figures alone, no model run.  + holds  ! caution  x fails  ? cannot be tested")
        console.print("SE: standard error of a difference, in points.  MDE: smallest gap found with 80 % power.")
        console.print(_claims(audit))
        console.print(_shared(audit))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _claims(audit: DeskAudit) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_lines=False, expand=True)
    table.add_column("claim", width=25)
    table.add_column("what its own figures say")
    table.add_column("so", width=19)
    for claim in audit.claims:
        table.add_row(_claim_text(claim), _lines(claim.findings), _so(claim))
        table.add_section()
    return table


def _claim_text(claim: ClaimAudit) -> str:
    return f"{claim.id}  {claim.sentence}" + (f"\n{claim.stated}" if claim.stated else "")


def _so(claim: ClaimAudit) -> str:
    return "\n".join([claim.conclusion.upper(), *(flag.value for flag in claim.flags)])


def _shared(audit: DeskAudit) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, expand=True)
    table.add_column("", width=1)
    table.add_column("findings that concern every claim")
    for finding in audit.shared:
        table.add_row(_MARKS[finding.outcome], finding.sentence)
    return table


def _lines(findings: tuple[DeskFinding, ...]) -> Table:
    """Lay findings out so that a wrapped line stays clear of the marks."""
    lines = Table.grid(padding=(0, 1, 0, 0))
    lines.add_column(width=1)
    lines.add_column()
    for finding in findings:
        lines.add_row(_MARKS[finding.outcome], finding.sentence)
    return lines
