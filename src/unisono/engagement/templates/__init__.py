"""Templates: what is said on each channel in each language, and how it becomes one person's message.

Owns ``template`` and ``template_version``. Liquid runs in a sandbox (`sandbox`), MJML is compiled once a version
(`compiling`), facts are loaded for many persons together and only as far as a content names them (`facts`).
"""
