"""Messages: one message to one person, by API or by hand."""
