"""The terminal cockpit: one snapshot in, commands out. The only room that imports Textual or plotext."""
