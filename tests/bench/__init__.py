"""What the program costs and how true its figures are: ``python -m tests.bench`` prints one table."""
