"""OBS881-883: under a profile, plain log lines are what 001 asks for."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from obs_lint.smoke.checks.check import Check, End
from obs_lint.smoke.ledger import Ledger
from obs_lint.smoke.options import Options
from obs_lint.smoke.plan import Plan
from obs_lint.smoke.records import Record

_ERROR: Final = ("error.type", "error.message", "error.stack")


class LogCheck(Check):
    """Mandatory fields, JSON throughout, errors in full. Looks at nothing without a profile."""

    codes = ("OBS881", "OBS882", "OBS883")

    def __init__(self, plan: Plan, options: Options, ledger: Ledger) -> None:
        super().__init__(plan, options, ledger)
        self._active = bool(options.profiles)
        self._fields = options.log_fields
        self._plain: dict[str, bool] = {}
        self._lines = self._errors = self._texts = 0

    def log(self, record: Record) -> None:
        """See `Check.log`."""
        if not self._active:
            return
        self._lines += 1
        body = record.body if isinstance(record.body, Mapping) else record.payload
        for name in self._fields:
            if not has(body, name):
                self.ledger.report("OBS881", record, field=name)
        if record.severity == "error":
            self._errors += 1
            for name in _ERROR:
                if not has(body, name):
                    self.ledger.report("OBS883", record, field=name)

    def text(self, record: Record) -> None:
        """See `Check.text`."""
        if not self._active:
            return
        source = record.source
        plain = self._plain.get(source)
        if plain is None:
            plain = self._plain[source] = any(fnmatchcase(source, name) for name in self.options.plain_sources)
        if not plain:
            self._texts += 1
            self.ledger.report("OBS882", record, event="", field="json", producer=source)

    def finish(self, end: End) -> None:
        """See `Check.finish`."""
        looked = self.ledger.looked
        looked["OBS881"] += self._lines
        looked["OBS882"] += self._lines + self._texts
        looked["OBS883"] += self._errors
        reason = "no plain log line was seen" if self._active else "no profile asks for it"
        for code in self.codes:
            self.ledger.absent(code, "no error was logged" if self._lines and code == "OBS883" else reason)


def has(body: Mapping[str, Any], name: str) -> bool:
    """True where a field is there and says something, under its dotted name or nested."""
    value = body.get(name)
    if value is None and "." in name:
        front, _, rest = name.partition(".")
        inner = body.get(front)
        return isinstance(inner, Mapping) and has(inner, rest)
    return value is not None and value != ""
