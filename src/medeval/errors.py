"""The one error type that a user sees: what is wrong, where, and what to do about it."""


class MedevalError(Exception):
    """A problem that the user can fix; the command line prints it without a traceback.

    Args:
        problem: What is wrong, naming the file and the row or key, and what was expected there.
        remedy: What to do next, as an imperative sentence.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}\n  -> {remedy}")
        self.problem = problem
        self.remedy = remedy
