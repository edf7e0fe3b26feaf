"""The event registry as declared in files: reading, checking, comparing and compiling it. Knows nothing of code."""
