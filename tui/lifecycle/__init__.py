"""Versions over time: pins, phases, dates, migration plans, calendar."""
