"""One JSON object → records: envelopes, CloudEvents, OpenLineage runs, OTLP batches, the lines of common loggers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from obs_lint.smoke.fields import Fields, found_at, spellings
from obs_lint.smoke.records import EVENT, LOG, NO_IDS, NOTHING, TEXT, Record
from obs_lint.smoke.timestamps import nanoseconds

loads: Callable[[bytes | str], Any]
"""Parses strict JSON: orjson where it is installed. Raises ValueError, for NaN and lone surrogates too."""


def _strict_loads(text: bytes | str) -> Any:
    """The same without orjson: what is no JSON for others (NaN, lone surrogates) is none here either."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
        if b"\\u" in text if isinstance(text, bytes) else "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


try:
    from orjson import loads
except ImportError:
    loads = _strict_loads

SEVERITIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("debug", "trace", "verbose", "vrb", "dbg", "trc", "fine", "finer", "finest", "notset"), "debug"),
    **dict.fromkeys(("info", "information", "informational", "notice", "inf", "log", "success", "config"), "info"),
    **dict.fromkeys(("warn", "warning", "wrn"), "warn"),
    **dict.fromkeys(
        (
            "error",
            "err",
            "fatal",
            "critical",
            "crit",
            "alert",
            "emerg",
            "emergency",
            "panic",
            "dpanic",
            "severe",
            "ftl",
        ),
        "error",
    ),
}
"""Level names of loggers, lower case → the severities of the envelope (004 Issue 6.1)."""

_TIMES: Final = (
    "timestamp", "time", "ts", "@timestamp", "@t", "occurred_at", "asctime", "datetime", "date", "eventTime", "t",
    "created", "Timestamp", "Time", "timeUnixNano",
)  # fmt: skip
_LEVELS: Final = (
    "level", "severity", "levelname", "log.level", "lvl", "@l", "level_name", "loglevel", "severity_text",
    "severityText", "Level", "Severity", "priority",
)  # fmt: skip
_MESSAGES: Final = ("message", "msg", "event", "@m", "@mt", "body", "Message", "text", "log")
_LOGGERS: Final = ("logger", "logger_name", "log.logger", "loggerName", "SourceContext", "name", "module")
_SERVICES: Final = ("service", "service.name", "service_name", "serviceName", "Service", "app", "application")
_NESTED: Final = (
    "correlation", "context", "ctx", "extra", "fields", "labels", "attributes", "tags", "contextMap", "mdc",
    "Properties", "trace", "span", "dd", "otel", "req",
)  # fmt: skip
"""Where loggers put an object of their own for what the caller adds."""
_ENVELOPE: Final = frozenset(("payload", "correlation", "actor", "occurred_at"))
_TRACE_EVENT: Final = frozenset(("event_type", "timestamp", "trace_id"))
"""002 Decision 1, as far as other formats don't have it too."""
_PROSE: Final = frozenset(("message", "msg", "level", "event"))
"""What a line of a logger has, whatever fields of its own are beside it."""
_JOURNAL_PRIORITIES: Final = ("error", "error", "error", "error", "warn", "info", "info", "debug")


class ObjectReader:
    """Turns parsed objects into records, for one set of fields. Holds no state: safe for threads."""

    __slots__ = (
        "_all_ids",
        "_at",
        "_at_names",
        "_canonical",
        "_event",
        "_fields",
        "_flat",
        "_named",
        "_own",
        "_spellings",
        "_words",
    )

    def __init__(self, fields: Fields | None = None) -> None:
        self._fields = fields = fields or Fields()
        self._spellings = spellings(fields)
        self._words = frozenset(self._spellings)
        self._canonical = fields.canonical
        # `payload.x` is looked up in the payload, wherever a format has that; other places in the whole object.
        self._at = tuple((name, place.removeprefix("payload."), place) for name, place in fields.at)
        self._event = fields.event
        self._own = any((fields.time, fields.payload, fields.severity, fields.service, fields.version, fields.ids))
        self._named = bool(self._event)
        self._flat = fields.flat

    # -- whole objects

    def records(self, body: Any, source: str, line: int, raw: bytes = b"") -> Sequence[Record]:
        """Return the records of one parsed JSON value: one for most, several for batches."""
        if body.__class__ is dict:
            if "event_name" in body and not self._named:
                return (self._envelope(body, source, line, raw),)
            if "resourceSpans" in body or "resourceLogs" in body or "resource_spans" in body or "resource_logs" in body:
                return self._otlp(body, source, line)
            if "resourceMetrics" in body or "resource_metrics" in body:
                return ()
            if body.get("batches").__class__ is list and len(body) <= 2:
                return self._otlp({"resourceSpans": body["batches"]}, source, line)
            if (
                len(body) <= 2
                and body.get("trace").__class__ is dict
                and ("resourceSpans" in body["trace"] or "batches" in body["trace"])
            ):
                return self.records(body["trace"], source, line, raw)
            return (self.record(body, source, line, raw),)
        if body.__class__ is list:
            found: list[Record] = []
            for item in body:
                found += self.records(item, source, line, raw if len(body) == 1 else _encoded(item))
            return found
        return (Record(TEXT, payload={"message": str(body)}, body=body, source=source, line=line, raw=raw),)

    def record(self, body: dict[str, Any], source: str, line: int, raw: bytes = b"") -> Record:
        """Return the record of one object that is no batch."""
        if self._named:
            for place in self._event:
                name = found_at(body, place)
                if name.__class__ is str and name:
                    return self._foreign(body, name, source, line, raw)
        if "event_name" in body or len(_ENVELOPE & body.keys()) >= 3:
            return self._envelope(body, source, line, raw)
        if "specversion" in body and "type" in body and "source" in body:
            return self._cloud_event(body, source, line, raw)
        if "run" in body and "eventTime" in body and "job" in body:
            return self._open_lineage(body, source, line, raw)
        if self._flat and body.keys() >= _TRACE_EVENT and _PROSE.isdisjoint(body):
            name = body["event_type"]
            if name.__class__ is str and name:
                record = self._foreign(body, name, source, line, raw)
                return record if "data" in body else record._replace(payload=NOTHING)
        return self._log(body, source, line, raw)

    def _envelope(self, body: dict[str, Any], source: str, line: int, raw: bytes) -> Record:
        name = body.get("event_name")
        if _ENVELOPE.isdisjoint(body):
            return self._log(body, source, line, raw)
        payload = body.get("payload")
        if payload.__class__ is not dict:
            payload = NOTHING
        correlation = body.get("correlation")
        if correlation.__class__ is dict:
            if self._canonical.issuperset(correlation):
                ids = correlation
                for value in correlation.values():
                    if value.__class__ is not str:
                        ids = self._ids(correlation)
                        break
            else:
                ids = self._ids(correlation)
        else:
            ids = NO_IDS
        for field, leaf, place in self._at:
            value = payload.get(leaf) if leaf is not place else None
            if value is None:
                value = self._elsewhere(body, payload, field, leaf, place)
                if value is None:
                    continue
            text = value if value.__class__ is str else _id_text(value)
            if text:
                ids = {**ids, field: text}
        when = body.get("occurred_at")
        actor = body.get("actor")
        if actor.__class__ is dict:
            service = actor.get("service_name")
            if service.__class__ is not str:
                service = ""
        else:
            actor = NOTHING
            service = ""
        severity = body.get("severity")
        if severity.__class__ is str:
            severity = SEVERITIES.get(severity) or _severity(severity)
        else:
            severity = "" if severity is None else _severity(severity)
        version = body.get("schema_version", "")
        record: Record = tuple.__new__(
            Record,
            (
                EVENT,
                name if name.__class__ is str else "",
                nanoseconds(when),
                ids,
                payload,
                body,
                source,
                line,
                service,
                severity,
                raw,
                version if version.__class__ is str else _id_text(version),
                when if when.__class__ is str else "",
                "",
                actor,
                "",
                0,
                "",
                (),
                None,
                "envelope",
            ),
        )
        return self._overridden(record) if self._own else record

    def _elsewhere(self, body: Mapping[str, Any], payload: Mapping[str, Any], field: str, leaf: str, place: str) -> Any:
        """What stands at a field's place that is nested, outside the payload, or spelled by an alias."""
        if leaf is place:
            return found_at(body, place)
        if "." in leaf:
            return found_at(payload, leaf)
        for alias, name in self._fields.aliases:
            if name == field and alias in payload:
                return payload[alias]
        return None

    # -- ids

    def ids(self, flat: Mapping[str, Any]) -> dict[str, str]:
        """Return the correlation fields of a flat object, under any of their spellings."""
        return self._ids(flat) if not self._words.isdisjoint(flat) else {}

    def _ids(self, flat: Mapping[str, Any]) -> dict[str, str]:
        found: dict[str, str] = {}
        spelled = self._spellings
        for key, value in flat.items():
            name = spelled.get(key)
            if name is None:
                continue
            text = value if value.__class__ is str else _id_text(value)
            if text and (name not in found or key == name):
                found[name] = text
        return found

    def canonical_of(self, key: str) -> str | None:
        """Return the correlation field that a key is a spelling of."""
        return self._spellings.get(key)

    def is_correlation(self, key: str) -> bool:
        """Whether a key is a correlation field that stands in an envelope's `correlation`, not in its payload."""
        return key in self._canonical and all(name != key for name, _, _ in self._at)

    def with_ids(self, record: Record, found: Mapping[str, str]) -> Record:
        """Return a record with ids that its surroundings know (a header, a span); its own win."""
        return record._replace(ids={**found, **record.ids}) if found else record

    # -- foreign events

    def _foreign(self, body: dict[str, Any], name: str, source: str, line: int, raw: bytes) -> Record:
        """An event by the user's own places; what they don't say is found as in a log line."""
        log = self._log_record(body, source, line, raw)
        payload = body.get("payload", body.get("data"))
        return self._overridden(
            log._replace(kind=EVENT, form="fields", name=name, payload=payload if payload.__class__ is dict else body)
        )

    def _overridden(self, record: Record) -> Record:
        """The record with what the user's own places say."""
        fields, body = self._fields, record.body
        changed: dict[str, Any] = {}
        for place in fields.time:
            value = found_at(body, place)
            if value is not None:
                changed["time"] = nanoseconds(value)
                changed["time_text"] = value if isinstance(value, str) else ""
                break
        for place in fields.payload:
            value = found_at(body, place)
            if isinstance(value, Mapping):
                changed["payload"] = value
                break
        for place in fields.severity:
            value = found_at(body, place)
            if value is not None:
                changed["severity"] = _severity(value)
                break
        for part, places in (("service", fields.service), ("version", fields.version)):
            for place in places:
                text = _id_text(found_at(body, place))
                if text:
                    changed[part] = text
                    break
        ids = dict(record.ids)
        for name, places in fields.ids:
            for place in places:
                text = _id_text(found_at(body, place))
                if text:
                    ids[name] = text
                    break
        if ids != record.ids:
            changed["ids"] = ids
        return record._replace(**changed) if changed else record

    def _cloud_event(self, body: dict[str, Any], source: str, line: int, raw: bytes) -> Record:
        """CloudEvents 1.0, structured mode. An envelope in `data` is the event; else the CloudEvent itself is."""
        data = body.get("data")
        if data is None and isinstance(body.get("data_base64"), str):
            try:
                data = base64.b64decode(body["data_base64"], validate=True)
            except ValueError:
                data = None
        if isinstance(data, (str, bytes)) and data[:1] in ("{", b"{"):
            try:
                data = loads(data)
            except ValueError:
                pass
        ids = self._ids(body)
        traceparent = body.get("traceparent")
        if isinstance(traceparent, str):
            ids = {**_of_traceparent(traceparent), **ids}
        when = body.get("time")
        service = body["source"] if isinstance(body["source"], str) else ""
        if isinstance(data, dict) and "event_name" in data:
            record = self._envelope(data, source, line, raw)
            if record.kind == EVENT:
                record = self.with_ids(record, ids)
                return record if record.time else record._replace(time=nanoseconds(when))
        payload = data if isinstance(data, dict) else NOTHING if data is None else {"data": data}
        if isinstance(data, dict):
            ids = {**self.ids(data), **ids}
            ids.update(self.at_ids(data))
        record = Record(
            EVENT,
            body["type"] if isinstance(body["type"], str) else "",
            nanoseconds(when),
            ids,
            payload,
            body,
            source,
            line,
            service,
            _severity(body.get("severitytext", "")),
            raw,
            time_text=when if isinstance(when, str) else "",
            form="cloudevents",
        )
        return self._overridden(record) if self._own else record

    def at_ids(self, payload: Mapping[str, Any]) -> dict[str, str]:
        """Return the correlation fields that stand at their declared places in a payload (`at: payload.x`)."""
        found = {}
        for field, leaf, place in self._at:
            if leaf is not place:
                text = _id_text(found_at(payload, leaf))
                if text:
                    found[field] = text
        return found

    def _open_lineage(self, body: dict[str, Any], source: str, line: int, raw: bytes) -> Record:
        """An OpenLineage run event: `openlineage.run.start`, with run_id, and parent_run_id from the parent facet.

        A registry that declares a field with one of these names or the alias `runId` gets the id under its own name.
        """
        kind = body.get("eventType")
        ids = self._ids(body)
        run_id = _id_text(found_at(body, "run.runId"))
        if run_id:
            ids[self._spellings.get("runId", "run_id")] = run_id
        parent = _id_text(found_at(body, "run.facets.parent.run.runId"))
        if parent:
            ids[self._spellings.get("parentRunId", "parent_run_id")] = parent
        when = body.get("eventTime")
        namespace = found_at(body, "job.namespace")
        record = Record(
            EVENT,
            f"openlineage.run.{kind.lower()}" if isinstance(kind, str) and kind else "openlineage.run",
            nanoseconds(when),
            ids,
            body,
            body,
            source,
            line,
            namespace if isinstance(namespace, str) else "",
            "error" if kind == "FAIL" else "",
            raw,
            time_text=when if isinstance(when, str) else "",
            form="openlineage",
        )
        return self._overridden(record) if self._own else record

    def _otlp(self, body: dict[str, Any], source: str, line: int) -> Sequence[Record]:
        from obs_lint.smoke.otlp import records_of_json

        return records_of_json(body, self, source, line)

    # -- log lines

    def _log(self, body: dict[str, Any], source: str, line: int, raw: bytes) -> Record:
        """A logger's line; or the envelope that a logger carries in its message (004 Issue 6.3, logging sink)."""
        for key in _MESSAGES:
            message = body.get(key)
            inner: Any = None
            if message.__class__ is dict:
                inner = message
            elif message.__class__ is str and message[:1] == "{" and '"event_name"' in message:
                try:
                    inner = loads(message)
                except ValueError:
                    continue
            if inner.__class__ is dict and "event_name" in inner and not _ENVELOPE.isdisjoint(inner):
                return self._envelope(inner, source, line, raw)
        record = self._log_record(body, source, line, raw)
        return self._overridden(record) if self._own else record

    def _log_record(self, body: dict[str, Any], source: str, line: int, raw: bytes) -> Record:
        ids = self.ids(body)
        for key in _NESTED:
            inner = body.get(key)
            if inner.__class__ is dict:
                for name, text in self._ids(inner).items():
                    ids.setdefault(name, text)
                if key in ("trace", "span") and "id" in inner:
                    text = _id_text(inner["id"])
                    if text:
                        ids.setdefault(f"{key}_id", text)
        if "traceparent" in body and isinstance(body["traceparent"], str):
            ids = {**_of_traceparent(body["traceparent"]), **ids}
        if self._at:
            payload = body.get("payload")
            ids = {**ids, **self.at_ids(payload if isinstance(payload, dict) else body)}
        when: Any = None
        for key in _TIMES:
            when = body.get(key)
            if when is not None:
                break
        level: Any = None
        for key in _LEVELS:
            level = body.get(key)
            if level is not None:
                break
        if level is None:
            level = found_at(body, "log.level")
            if level is None and "PRIORITY" in body:
                level = body["PRIORITY"]
        name = ""
        for key in _LOGGERS:
            value = body.get(key)
            if value.__class__ is str and value:
                name = value
                break
        else:
            value = found_at(body, "log.logger")
            name = value if isinstance(value, str) else ""
        service = ""
        for key in _SERVICES:
            value = body.get(key)
            if value.__class__ is dict:
                value = value.get("name")
            if value.__class__ is str and value:
                service = value
                break
        else:
            if body.get("v") == 0 and "hostname" in body:  # bunyan: `name` is the service
                service, name = name, ""
        if "PRIORITY" in body and "MESSAGE" in body:
            return self._journal(body, ids, service, source, line, raw)
        return Record(
            LOG,
            name,
            nanoseconds(when),
            ids,
            body,
            body,
            source,
            line,
            service,
            "" if level is None else _severity(level),
            raw,
            time_text=when if isinstance(when, str) else "",
        )

    def _journal(
        self, body: dict[str, Any], ids: dict[str, str], service: str, source: str, line: int, raw: bytes
    ) -> Record:
        """A line of `journalctl --output=json` around a line that is not JSON itself."""
        level = str(body.get("PRIORITY", ""))
        micro = body.get("_SOURCE_REALTIME_TIMESTAMP", body.get("__REALTIME_TIMESTAMP", ""))
        return Record(
            LOG,
            str(body.get("_SYSTEMD_UNIT", "")),
            nanoseconds(micro),
            ids,
            body,
            body,
            source,
            line,
            service or str(body.get("SYSLOG_IDENTIFIER", "")),
            _JOURNAL_PRIORITIES[int(level)] if level in "01234567" and level else "",
            raw,
        )


def _id_text(value: Any) -> str:
    """A value as the text of an id; empty for what can be none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return ""
    return str(value) if isinstance(value, (int, float)) else ""


def _severity(value: Any) -> str:
    """A level as a severity: names in any case, pino's and bunyan's and stdlib's numbers."""
    if isinstance(value, str):
        word = value.strip().lower()
        found = SEVERITIES.get(word)
        if found is not None or not word.isdigit() or len(word) > 3:
            return found or ""
        value = int(word)
    if isinstance(value, bool) or not isinstance(value, int):
        return ""
    for least, name in ((50, "error"), (40, "warn"), (30, "info"), (10, "debug")):
        if value >= least:
            return name
    return ""


def _of_traceparent(text: str) -> dict[str, str]:
    """The ids of a W3C traceparent: the span in it is the parent of what is recorded."""
    parts = text.split("-")
    if len(parts) >= 4 and len(parts[1]) == 32 and len(parts[2]) == 16:
        return {"trace_id": parts[1], "parent_span_id": parts[2]}
    return {}


def _encoded(value: Any) -> bytes:
    """One element of a batch as bytes of its own, for who looks through a record's bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
