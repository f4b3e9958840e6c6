"""Records read again: replay, calibration, report."""
