# What rules ask that takes more than a line.


def audited_files(wildcards):
    """Return what an audit's systems and judge load."""
    # Imported here, since it takes seconds that no other rule should wait for.
    from medeval.verdicts.audit.terms import needed_files

    return needed_files(plan)


def given(wildcards):
    """Return the files that a detector needs for a benchmark, by what they are."""
    needs = DETECTORS[wildcards.detector].needs
    return {need: plan.given(need, wildcards.benchmark) for need in needs}


def findings(wildcards):
    """Return every document of every detector for which the run has the files."""
    return [
        path
        for detector in DETECTORS.values()
        for path in plan.findings(detector.name, detector.needs)
    ]


def schema(name):
    """Return the version of a document that medeval writes: a parameter, so that a document of an older one is made again."""
    document = json.loads(
        (PROJECT / f"workflow/schemas/{name}.schema.json").read_text()
    )
    return document["properties"]["schema"]["const"]
