"""Segments: rules over people, true to the second; one meaning in two evaluators."""
