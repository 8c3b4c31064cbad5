"""The report: view models of the documents of a run, and the templates that show them."""
