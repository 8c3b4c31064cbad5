"""What is a shard, and what is none."""

import pytest

from medeval.errors import MedevalError
from medeval.records.shards import Shard


@pytest.mark.parametrize("text", ["0-of-3", "4-of-3", "1of3", "", "1-of-0"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(MedevalError, match="is not one"):
        Shard.parse(text)
