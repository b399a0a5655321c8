"""From what services answer to what templates show. Pure: no database, no request."""
