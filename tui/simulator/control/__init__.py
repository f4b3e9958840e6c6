"""The pretend control plane: deployments, models and quota as ARM shows them, on a movable calendar."""
