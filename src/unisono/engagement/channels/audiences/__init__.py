"""Ad audiences: people as Meta and Google match them, hashed, and only those who allowed third parties to know."""
