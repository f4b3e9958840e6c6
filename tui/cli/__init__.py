"""The commands: parsing, exit codes, wiring of a run."""
