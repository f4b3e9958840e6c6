"""Blocks, e-processes, criteria and verdicts, and the automation that acts on them: guard and plan."""
