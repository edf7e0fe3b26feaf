"""obs-lint inside other tools."""
