"""Files that come with the project: what a configuration names is looked up where the user stands, then there."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
"""The project's folder when the package runs from its checkout."""
_MARK = "workflow/rules/evaluate.smk"


def project_of(config: Path) -> Path:
    """Return the project that a configuration file belongs to: the nearest folder above it with the workflow's rules.

    A configuration that lies elsewhere uses what comes with the running package.
    """
    above = (folder for folder in config.resolve().parents if (folder / _MARK).is_file())
    return next(above, CHECKOUT)


def located(path: Path, project: Path) -> Path:
    """Return a file where it is: relative to the working directory, or else to the project.

    What is in neither place, or absolute, is returned as it is; who reads it says that it is missing.
    """
    shipped = project / path
    return shipped if not path.exists() and shipped.exists() else path
