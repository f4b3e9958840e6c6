"""What every room may use: text, TOML, lines, problems, the histogram, files that are written whole."""
