"""Weights as a value, the router that assigns by them, the controller that changes them."""
