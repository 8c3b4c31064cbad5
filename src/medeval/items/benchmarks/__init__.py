"""One module per benchmark: rows of its published source in, items of the data contract out."""
