"""What `check` finds: the services behind a rollout file."""
