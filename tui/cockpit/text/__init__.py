"""What the cockpit says: figures into words and lines, without Textual; a file a screen."""
