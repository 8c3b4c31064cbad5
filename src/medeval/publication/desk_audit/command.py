"""What the command line runs for a desk audit."""

import json
from pathlib import Path

from medeval.publication.desk_audit.audit import desk_audit
from medeval.publication.desk_audit.render import to_text
from medeval.publication.publication import load_publication


def run(path: Path, as_json: bool) -> str:
    """Audit the publication file at `path` and return what is to be printed: a table, or JSON.

    Raises:
        MedevalError: The file is missing or does not fit the schema.
    """
    audit = desk_audit(load_publication(path))
    return json.dumps(audit.as_json(), indent=2, ensure_ascii=False) + "\n" if as_json else to_text(audit)
