"""The rows of the bench, one module each: what it measures, how, and what is wanted of it."""
