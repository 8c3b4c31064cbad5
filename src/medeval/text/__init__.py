"""Words and letters: normalised text, look-alike characters, marks of reasoning."""
