"""The same examples in every run, on a machine of any speed."""

import gc

from hypothesis import settings

settings.register_profile("suite", deadline=None, derandomize=True)
settings.load_profile("suite")

# Thousands of tests leave much that stays: walking it again and again took a fifth of the suite's time.
gc.set_threshold(100_000, 50, 100)
