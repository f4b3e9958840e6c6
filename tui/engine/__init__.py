"""One run: its session and automation, the thread or process it lives in, and what viewers may ask of it."""
