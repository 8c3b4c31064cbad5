"""Separate a model's reasoning from its answer, by the delimiters of that model."""

from medeval.errors import MedevalError


def split_reasoning(text: str, open_tag: str, close_tag: str) -> tuple[str | None, str, bool]:
    """Split a reply into reasoning and answer; every block of reasoning is removed from the answer.

    A closing tag with no opening one ends a block that began with the reply: some chat templates write the
    opening tag into the prompt. If such a reply was cut before its closing tag, only the caller knows that
    the text is reasoning, and must put the opening tag in front of it first.

    Args:
        text: The reply as generated.
        open_tag: Text that starts the reasoning, for example ``<think>``.
        close_tag: Text that ends it, for example ``</think>``.

    Returns:
        The reasoning of all blocks (None when the reply holds no tag), the answer text, and whether the last
        block was never closed. What follows an unclosed tag belongs to the reasoning.

    Raises:
        MedevalError: A tag is empty, or both are the same.
    """
    if not open_tag or not close_tag or open_tag == close_tag:
        raise MedevalError(
            f"reasoning delimiters {open_tag!r} and {close_tag!r}: expected two different texts",
            "Correct the delimiters in the model's configuration.",
        )
    if open_tag not in text and close_tag not in text:
        return None, text, False
    thoughts: list[str] = []
    visible: list[str] = []
    rest, unfinished = text, False
    while open_tag in rest:
        before, _, inside = rest.partition(open_tag)
        _place(before, close_tag, thoughts, visible)
        thought, closed, rest = inside.partition(close_tag)
        thoughts.append(thought)
        unfinished = not closed
    _place(rest, close_tag, thoughts, visible)
    return _joined(thoughts), _joined(visible), unfinished


def _place(piece: str, close_tag: str, thoughts: list[str], visible: list[str]) -> None:
    """File text found outside of any block: what precedes a closing tag there is reasoning too."""
    before, closed, after = piece.rpartition(close_tag)
    if closed:
        thoughts.extend(before.split(close_tag))
    visible.append(after)


def _joined(parts: list[str]) -> str:
    return "\n".join(stripped for part in parts if (stripped := part.strip()))
