"""Public pages for customers: preferences, confirmation, unsubscribing; no sign-in, and GET changes nothing."""
