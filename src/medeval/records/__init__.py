"""Tables, documents, journals and files: what stages leave for each other, complete or absent."""
