"""What a run's configuration says of its risk-limiting audit."""

from medeval.errors import MedevalError
from medeval.run.audit import Audit
from medeval.run.config import RunConfig


def settings_of(run: RunConfig) -> Audit:
    """Return the audit section of a run.

    Raises:
        MedevalError: There is none.
    """
    if run.audit is None:
        raise MedevalError(
            f"the run {run.name} has no audit section", "Add `audit: {seed: ..., risk: 0.05}` to its file."
        )
    return run.audit


def target_of(run: RunConfig) -> str:
    """Return the target whose replies are audited."""
    return settings_of(run).target or run.targets[0]
