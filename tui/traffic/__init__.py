"""Requests: when they are due, what they ask, how they are sent."""
