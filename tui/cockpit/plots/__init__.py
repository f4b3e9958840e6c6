"""Plots: from the figures of a snapshot to rows of text, drawn in a process of their own."""
