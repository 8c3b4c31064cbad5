"""How a question is put to a model: templates as files, rendered without knowledge of any model."""
