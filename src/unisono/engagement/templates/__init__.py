"""Templates: what is said, per channel and language, with the facts of the moment."""
