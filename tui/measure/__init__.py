"""Measuring: what each deployment did, over sliding windows and second by second."""
