"""A ConfigError says which file, which line and which key is wrong, and what to write instead."""

from __future__ import annotations


class ConfigError(Exception):
    """The configuration can't be used. `str()` is one line, ready to be shown."""

    def __init__(
        self,
        message: str,
        *,
        file: str = "",
        key: str = "",
        line: int | None = None,
        hint: str = "",
        table: str = "",
    ) -> None:
        super().__init__(message)
        self.file = file
        """The file as it is shown, with `/`, or the option of the command line (`--select`)."""
        self.key = key
        """Dotted, without `tool.obs-lint`: `paths.tests`; empty where the file as a whole is meant."""
        self.message = message
        """What is wrong, without the place."""
        self.line = line
        """1-based; None where the file has no line for it."""
        self.hint = hint
        """What to do, or what was probably meant."""
        self.table = table
        """The header of the table that the key is in, as it is written: `[tool.obs-lint.paths]`."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        text = f"{self.table} {self.message}" if self.table else self.message
        text = f"{place}: {text}" if place else text
        return f"{text} ({self.hint})" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.message, self.file, self.key, self.line, self.hint, self.table))


def _rebuild(message: str, file: str, key: str, line: int | None, hint: str, table: str) -> ConfigError:
    return ConfigError(message, file=file, key=key, line=line, hint=hint, table=table)
