"""What one file says: found without parsing, and from its syntax tree."""
