"""Policy: whether, when and where a message may reach a person, with the facts used."""
