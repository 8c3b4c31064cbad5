# What rules ask that takes more than a line.


def audited_files(wildcards):
    """Return what an audit's systems and judge load."""
    # Imported here, since it takes seconds that no other rule should wait for.
    from medeval.verdicts.audit.terms import needed_files

    return needed_files(plan)
