"""The run record, one SQLite file, and the newest weights of a rollout file."""
