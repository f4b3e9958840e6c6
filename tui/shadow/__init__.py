"""Second answers, items with a known answer, the queue of the judge."""
