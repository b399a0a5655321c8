"""The command line: serve, demo, import, look, mend."""
