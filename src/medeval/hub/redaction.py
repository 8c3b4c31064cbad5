"""Access tokens and signed addresses stay out of every message."""

import logging
import re

# Access tokens of the hub, and the signatures that a CDN's address carries in its query.
_TOKEN = re.compile(r"\b(?:hf|api_org|hf_oauth|hf_jwt)_[A-Za-z0-9_.-]{4,}")
_QUERY = re.compile(r"(https?://[^\s'\"?<>]+)\?[^\s'\"<>]*")
_BEARER = re.compile(r"(?i)(bearer\s+)\S+")


def redact(text: str) -> str:
    """Return a text without access tokens, authorization headers and the queries of addresses."""
    from huggingface_hub import get_token

    token = get_token()
    if token:
        text = text.replace(token, "<token>")
    return _TOKEN.sub("<token>", _BEARER.sub(r"\1<token>", _QUERY.sub(r"\1?<signature>", text)))


class Redacting(logging.Filter):
    """Redacts every record of the loggers it is attached to."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the record's text, and let it pass."""
        record.msg, record.args = redact(record.getMessage()), ()
        return True
