"""What was there before: known Diagnostics in a file or at a revision, and what is new since."""
