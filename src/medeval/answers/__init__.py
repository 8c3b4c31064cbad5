"""From the text of a reply to the option it chose, or the reason why none can be read."""
