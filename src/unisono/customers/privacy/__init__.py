"""Privacy: access exports and erasure, over every room that keeps something about people."""
