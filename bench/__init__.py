"""What the program costs and how true its figures are: ``python -m bench`` prints one table."""
