"""What staff have to do for somebody: calls, words at the counter. Owns ``staff_task``."""
