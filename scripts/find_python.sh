#!/bin/sh
# Print the newest Python that Unisono supports and that can make a virtual environment.
for name in ${BASE_PYTHON:-} python3.13 python3.12 python3.11 python3 python; do
    if "$name" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
        echo "$name"
        exit 0
    fi
done
cat >&2 <<'TEXT'
No usable Python was found. Unisono needs Python 3.11, 3.12 or 3.13 with its venv module.
  Debian, Ubuntu:  apt-get install python3 python3-venv
  Fedora:          dnf install python3
  macOS:           brew install python@3.13
Or name one: make demo BASE_PYTHON=/path/to/python3.12
TEXT
exit 1
