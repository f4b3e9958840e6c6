"""What may be said about a canary at any moment, and the two hands that act on it: guard and plan."""
