"""The surface."""
