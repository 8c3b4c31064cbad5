"""The verdict table for the terminal."""

import io

from rich.console import Console
from rich.table import Table

from medeval.verdicts.document import Verdicts

_STYLES = {"REPRODUCED": "green", "NOT_REPRODUCED": "red", "INCONCLUSIVE": "yellow", "NOT_TESTABLE": "dim"}


def verdict_table(document: Verdicts, width: int = 100) -> str:
    """Render the verdicts as a table, one row per claim."""
    table = Table(title=document.publication, title_justify="left", show_lines=True)
    table.add_column("claim", style="bold", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what was found")
    for entry in document.verdicts:
        flags = f"\n{chr(10).join(entry.flags)}" if entry.flags else ""
        style = _STYLES[entry.verdict]
        table.add_row(entry.claim_id, f"[{style}]{entry.verdict}[/]{flags}", entry.plain)
    stream = io.StringIO()
    Console(file=stream, width=width, force_terminal=False).print(table)
    return stream.getvalue().rstrip()
