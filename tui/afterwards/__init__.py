"""After the run: its record read again, judged with other settings, shown at any speed, and handed over."""
