"""The checks of a smoke run: one module a kind, each looks at every record once and keeps what it needs."""
