"""The installation's key of tests."""

from __future__ import annotations

import base64

from unisono.kit.secret import Secret

TEST_KEY = base64.b64encode(bytes(range(32))).decode()
"""As the setting has it."""

TEST_SECRET = Secret(bytes(range(32)))
"""The same, as code has it."""
