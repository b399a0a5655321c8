"""E-mail: how a message is written (RFC 5322, 2045), signed (DKIM), and what comes back."""
