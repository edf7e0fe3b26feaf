"""Orders are listed and placed here."""
