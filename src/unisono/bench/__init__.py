"""The bench: what this machine reaches, each figure against a limit measured in the same run.

Owns nothing: it starts a database server of its own in a temporary folder, so that no installation is touched, and
removes it at the end. One module of ``rows`` measures one thing and says in its docstring what and how; ``run_bench``
runs them and prints one table.
"""
