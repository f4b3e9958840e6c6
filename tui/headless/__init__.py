"""The engine without a screen: progress, result, exit code."""
