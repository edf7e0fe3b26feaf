"""`obs-lint smoke`: check what a running system emits: run a scenario, check captured output, listen for OTLP."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from obs_lint.config.model import Config
    from obs_lint.diagnostic import Diagnostic
    from obs_lint.registry.model import Registry
    from obs_lint.report import Failure, Report
    from obs_lint.reporters.context import Context
    from obs_lint.reporters.supplement import Supplement
    from obs_lint.smoke.checker import Result
    from obs_lint.smoke.fields import Fields
    from obs_lint.smoke.flows import Flow, Index
    from obs_lint.smoke.outcome import Outcome, StepOutcome
    from obs_lint.smoke.records import Record

_FORMATS = ("full", "concise", "grouped", "json", "json-lines", "github", "html")


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint smoke` takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")

    def action(name: str, text: str, run: Callable[[Namespace], int]) -> ArgumentParser:
        sub = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.set_defaults(perform=run)
        return sub

    run_it = action("run", "start the processes of a scenario, drive them, and check what they emit", _run)
    run_it.add_argument("scenario", metavar="SCENARIO", help="the scenario's file: smoke.yaml")
    run_it.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for every process")
    run_it.add_argument("--records", metavar="FILE", help="write the captured lines there")
    run_it.add_argument(
        "--join", action="store_true", help="show what is declared × emitted in the code × seen in the run"
    )

    check = action("check", "check captured output: JSON lines, OTLP JSON, container logs", _check)
    check.add_argument("files", nargs="+", metavar="FILE", help="files, plain or compressed; `-` for stdin")
    listen = action("listen", "receive OTLP over HTTP on loopback until interrupted, and check it", _listen)
    listen.add_argument("--port", type=int, default=4318, metavar="N", help="default: 4318; 0 for a free one")
    listen.add_argument("--for", dest="seconds", metavar="TIME", help="stop after 30s, 5m (default: at Ctrl-C)")
    for sub in (check, listen):
        rules = sub.add_argument_group("checks")
        rules.add_argument(
            "--canary", action="append", default=[], metavar="NAME=VALUE", help="a value that must appear nowhere"
        )
        rules.add_argument(
            "--sentinel", action="append", default=[], metavar="SOURCE", help="whose last event must be the sentinel"
        )
        rules.add_argument(
            "--complete", action="store_true", help="nothing follows: what was begun and has not ended fails"
        )
        rules.add_argument(
            "--partial", action="store_true", help="not a whole run: no event must have been seen (OBS804, OBS806)"
        )
        rules.add_argument("--fail-under", type=float, metavar="PERCENT", help="of the `smoke: always` events")
        rules.add_argument("--profile", action="append", default=[], metavar="NAME", help="operations-baseline")
        rules.add_argument("--ignore", action="append", default=[], metavar="CODES", help="do not report these")
        rules.add_argument(
            "--field",
            action="append",
            default=[],
            metavar="PART=PLACE",
            help="where a part is: ids.request_id=meta.rid",
        )
    for sub in (run_it, check, listen):
        sub.add_argument("--registry", action="append", default=[], metavar="FILE", help="in place of the configured")
        sub.add_argument("--why", metavar="ID", help="explain one flow: any id of it, or the beginning of one")
        known = sub.add_argument_group("known findings")
        known.add_argument("--baseline", metavar="FILE", help="leave out what is listed there")
        known.add_argument("--write-baseline", metavar="FILE", help="list there what was found")
        output = sub.add_argument_group("output")
        output.add_argument(
            "--output-format", "--format", dest="output_format", choices=_FORMATS, metavar="FORMAT",
            help=", ".join(_FORMATS),
        )  # fmt: skip
        output.add_argument("--output-file", metavar="FILE", help="write there instead of stdout")
        output.add_argument("--fail-on", choices=("error", "warning", "info"), default="error", help="default: error")
        output.add_argument("--quiet", "-q", action="store_true", help="findings and failures only")
        output.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
        sub.add_argument("--config", metavar="FILE", help="use this file; the root is the working directory then")
        sub.add_argument("--no-cache", action="store_true", help="neither read nor write the cache")


def run(args: Namespace) -> int:
    """Run one action and return its exit code. Raises ConfigError and CatalogueError."""
    import gc

    # What runs for minutes, over threads and sockets, leaves cycles; the ordinary commands end before that matters.
    gc.enable()
    code: int = args.perform(args)
    return code


# -- run


def _run(args: Namespace) -> int:
    from obs_lint.cli import fail
    from obs_lint.smoke.run import run as run_scenario
    from obs_lint.smoke.scenario import ScenarioError
    from obs_lint.smoke.scenario_file import load

    try:
        scenario = load(args.scenario)
    except ScenarioError as error:
        return _all_of(error)
    env: dict[str, str] = {}
    for word in args.env:
        name, equals, value = word.partition("=")
        if not equals or not name:
            return fail(f"--env {word}: write NAME=VALUE")
        env[name] = value
    registries, failures, config = _registries(args, str(scenario.folder), scenario.registry)
    if failures:
        return _show_failures(failures, args)
    context = _context(args)
    live = args.output_format is None and args.output_file is None and not args.quiet

    def on_step(outcome: StepOutcome) -> None:
        if live:
            from obs_lint.reporters.smoke_summary import step_line

            _print(step_line(outcome, context))

    if live:
        from obs_lint.reporters.text import plural

        counts = f"{plural(len(scenario.processes), 'process', 'processes')}, {plural(len(scenario.steps), 'step')}"
        _print([f"{context.palette.strong}{scenario.shown}{context.palette.reset}: {counts}"])
    known = _known(args)
    try:
        outcome = run_scenario(scenario, registries, env=env, on_step=on_step, services=_services(config))
    except ScenarioError as error:
        return _all_of(error)
    if args.records:
        _write_records(args.records, outcome.index.records)
    seen = _names(outcome.index.records)
    result, report, code = _report(outcome.result, known, args, config, len(outcome.captures))
    report = _with_seen(report, seen)
    if args.why:
        return _explain(*_flow_in(outcome.index, args.why), args.why, args)
    if not live:
        return _render(report, code, args, config, scenario.folder.name, (scenario.shown,))
    from obs_lint.smoke.coverage import coverage

    lines = _after_steps(outcome, context)
    table = coverage(registries, seen, scenario.coverage.ignore)
    lines += _judgement(result, report, code, context, outcome.index, table)
    if args.join:
        lines += ["", *_join(config, seen, context, args)]
    _print(lines)
    return code


def _after_steps(outcome: Outcome, context: Context) -> list[str]:
    from obs_lint.reporters.flow_tree import duration
    from obs_lint.reporters.smoke_summary import steps

    told = steps(outcome, context)[sum(len(_step_lines(one, context)) for one in outcome.steps) :]
    records = f"{len(outcome.index.records)} records"
    sources = ", ".join(f"{end.name} {end.delivered}" for end in outcome.captures)
    return [*told, "", f"{records} in {duration(int(outcome.seconds * 1e9))} ({sources})"]


def _step_lines(outcome: StepOutcome, context: Context) -> list[str]:
    from obs_lint.reporters.smoke_summary import step_line

    return step_line(outcome, context)


def _join(config: Config | None, seen: Mapping[str, int], context: Context, args: Namespace) -> list[str]:
    """Declared × emitted in the code × seen."""
    if config is None:
        return ["The join needs the code: there is no configuration of obs-lint in the scenario's folder."]
    from obs_lint.entry_points import anchors as entry_anchors
    from obs_lint.events.emissions import emission_anchors
    from obs_lint.inventory.build import inventory
    from obs_lint.inventory.observed import joined, table
    from obs_lint.opened import opened

    parts = (config, *(scope.config for scope in config.scopes))
    anchors = tuple(anchor for part in parts for anchor in (*emission_anchors(part), *entry_anchors(part)))
    with opened(config, anchors=anchors, use_cache=not args.no_cache) as (project, store):
        found = inventory(project, store, config)
    title = f"{context.palette.strong}Declared × emitted × seen{context.palette.reset}"
    return [title if context.unicode else title.replace("×", "x"), *table(joined(found, seen), width=context.width)]


# -- check


def _check(args: Namespace) -> int:
    import os

    from obs_lint.cli import fail
    from obs_lint.smoke.fields import FieldsError
    from obs_lint.smoke.reading import ReadError

    registries, failures, config = _registries(args, os.getcwd(), ())
    if failures:
        return _show_failures(failures, args)
    try:
        fields = _fields(args, registries)
        options = _options(args, config)
    except (FieldsError, ValueError) as error:
        return fail(str(error))
    with _Sources(args.files, fields) as sources:
        try:
            if args.why:
                from obs_lint.smoke.flows import Shape
                from obs_lint.smoke.lookup import flow_of

                return _explain(*flow_of(sources.read, args.why, Shape.of(registries)), args.why, args)
            return _judge_records(sources.read(), registries, options, args, config, len(args.files))
        except (ReadError, OSError) as error:
            return fail(str(error))


class _Sources:
    """The files of a command line, read as often as it takes; stdin is kept where it is read more than once."""

    def __init__(self, files: Sequence[str], fields: Fields) -> None:
        self.files = tuple(dict.fromkeys(files))
        self.fields = fields
        self._kept: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._kept is not None:
            self._kept.close()

    def read(self) -> Iterator[Record]:
        """Yield all records, those of several files by their times.

        Raises ReadError for a file that can't be opened, before the first record.
        """
        from functools import partial

        from obs_lint.smoke.merging import in_order
        from obs_lint.smoke.reading import ReadError

        for file in self.files:
            if file != "-":
                try:
                    with open(file, "rb"):
                        pass
                except OSError as error:
                    raise ReadError(f"{file}: {error.strerror or error}{_advice(file)}") from None
        opened = [partial(self._opened, file) for file in self.files]
        if len(opened) == 1:
            yield from opened[0]()
            return
        yield from in_order([(self._begins(file), each) for file, each in zip(self.files, opened, strict=True)])

    def _opened(self, file: str) -> Iterator[Record]:
        from obs_lint.smoke.reading import read_file, read_stream

        if file == "-":
            return read_stream(self._stdin(), "stdin", self.fields)
        return read_file(file, self.fields)

    def _begins(self, file: str) -> int:
        """When a file begins; a pipe can be read once only, so that it counts from the beginning of time."""
        import os

        from obs_lint.smoke.merging import first_time

        return first_time(self._opened(file)) if os.path.isfile(file) else 0

    def _stdin(self) -> Any:
        from shutil import copyfileobj
        from tempfile import TemporaryFile

        if self._kept is None:
            self._kept = TemporaryFile()  # noqa: SIM115 closed with the sources
            copyfileobj(sys.stdin.buffer, self._kept)
        self._kept.seek(0)
        return _Unclosed(self._kept)


class _Unclosed:
    """A stream that its reader can't close."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        """Leave it open."""


def _advice(file: str) -> str:
    import os

    return f"; name the files in it, such as {file.rstrip('/')}/*.jsonl" if os.path.isdir(file) else ""


def _judge_records(
    records: Iterable[Record],
    registries: Sequence[Registry],
    options: Any,
    args: Namespace,
    config: Config | None,
    sources: int,
) -> int:
    from obs_lint.reporters.smoke_summary import kinds
    from obs_lint.reporters.text import plural
    from obs_lint.smoke.checker import Checker
    from obs_lint.smoke.coverage import coverage
    from obs_lint.smoke.options import Ended
    from obs_lint.smoke.plan import Plan

    known = _known(args)
    checker = Checker(Plan.of(registries), options)
    checker.take_many(records)
    result, report, code = _report(checker.finish(Ended(complete=args.complete)), known, args, config, sources)
    if args.output_format is not None or args.output_file is not None or args.quiet:
        return _render(report, code, args, config, "Captured output")
    context = _context(args)
    table = coverage(registries, result.events)
    counts = kinds(result.counts)
    number = plural(result.counts.get("records", 0), "record")
    lines = [f"{number} ({counts})"] if counts else ["no records"]
    lines += _judgement(result, report, code, context, None, table if not args.partial else None)
    _print(lines)
    return code


# -- listen


def _listen(args: Namespace) -> int:
    import os
    import threading
    import time

    from obs_lint.cli import fail
    from obs_lint.smoke.captures.intake import Intake
    from obs_lint.smoke.fields import FieldsError
    from obs_lint.smoke.receiver import Receiver, ReceiverError
    from obs_lint.smoke.scenario_file import seconds

    registries, failures, config = _registries(args, os.getcwd(), ())
    if failures:
        return _show_failures(failures, args)
    lasting = seconds(args.seconds) if args.seconds is not None else None
    if args.seconds is not None and not lasting:
        return fail(f"--for {args.seconds}: write a duration such as 30s or 5m")
    try:
        fields, options = _fields(args, registries), _options(args, config)
    except (FieldsError, ValueError) as error:
        return fail(str(error))
    intake = Intake()
    try:
        receiver = Receiver(intake.put, port=args.port, fields=fields).start()
    except ReceiverError as error:
        return fail(str(error))
    over = threading.Event()
    with _interrupted_by_signals(over):
        until = f"for {args.seconds}" if lasting else "until Ctrl-C"
        print(
            f"obs-lint: listening on {receiver.endpoint} {until} (OTEL_EXPORTER_OTLP_ENDPOINT)",
            file=sys.stderr,
            flush=True,
        )
        if args.why:
            records: list[Record] = []
            taker = threading.Thread(target=lambda: records.extend(intake), daemon=True)
            taker.start()
            over.wait(lasting)
            receiver.stop()
            intake.close()
            taker.join()
            from obs_lint.smoke.flows import Shape
            from obs_lint.smoke.lookup import flow_of

            return _explain(*flow_of(lambda: records, args.why, Shape.of(registries)), args.why, args)

        def stop() -> None:
            deadline = time.monotonic() + lasting if lasting else None
            over.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
            receiver.stop()
            intake.close()

        threading.Thread(target=stop, daemon=True).start()
        return _judge_records(intake, registries, options, args, config, 1)


def _interrupted_by_signals(over: Any) -> Any:
    """Set an event at SIGINT and SIGTERM, for as long as the context lasts."""
    import signal
    from contextlib import contextmanager

    @contextmanager
    def held() -> Iterator[None]:
        before = {}
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None:
                before[number] = signal.signal(number, lambda *_: over.set())
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    return held()


# -- what they share


def _fields(args: Namespace, registries: Sequence[Registry]) -> Fields:
    """Where the parts of a record are. Raises FieldsError."""
    from obs_lint.smoke.fields import Fields

    declared = {
        one.name: {"header": one.header or None, "aliases": list(one.aliases), "at": one.at or None}
        for registry in reversed(registries)
        for one in registry.correlation
    }
    return Fields.of_registry(declared, Fields.parse_options(args.field))


def _services(config: Config | None) -> dict[str, tuple[str, ...]]:
    """Producer → the names of its services, as the configuration has them."""
    from obs_lint.smoke.plan import service_names

    found: dict[str, tuple[str, ...]] = {}
    for part in () if config is None else (config, *(scope.config for scope in config.scopes)):
        for producer, names in service_names(part.services, str(part.root)).items():
            found[producer] = tuple(sorted({*found.get(producer, ()), *names}))
    return found


def _options(args: Namespace, config: Config | None) -> Any:
    """The options of the checks. Raises ValueError with what to write."""
    from obs_lint.smoke.options import BASELINE, Options

    canaries = {}
    for word in args.canary:
        name, equals, value = word.partition("=")
        if not equals or len(value) < 6:
            raise ValueError(f"--canary {name}: write NAME=VALUE, with a value of 6 characters or more")
        canaries[name] = value
    for profile in args.profile:
        if profile != BASELINE:
            raise ValueError(f"--profile {profile}: there is no such profile; known is {BASELINE}")
    codes = [code.strip() for words in args.ignore for code in words.split(",") if code.strip()]
    for code in codes:
        if not (code.startswith("OBS8") and len(code) == 6):
            raise ValueError(f"--ignore {code}: the codes of these checks are OBS801 to OBS891")
    if args.fail_under is not None and not 0 <= args.fail_under <= 100:
        raise ValueError(f"--fail-under {args.fail_under}: write a percentage from 0 to 100")
    return Options(
        canaries=canaries,
        sentinels=tuple(args.sentinel),
        always=not args.partial,
        fail_under=None if args.partial else args.fail_under,
        services=_services(config),
        profiles=tuple(args.profile),
        ignore=tuple(codes),
    )


def _registries(
    args: Namespace, folder: str, named: Sequence[str]
) -> tuple[tuple[Registry, ...], tuple[Failure, ...], Config | None]:
    """The registries that the command line, the scenario or the configuration names; and what is wrong with them."""
    import os

    from obs_lint.config import load
    from obs_lint.report import Failure

    paths = [os.path.abspath(path) for path in args.registry] or [os.path.join(folder, path) for path in named]
    config = load(folder, config_file=os.path.abspath(args.config) if args.config else None)
    found = config if config.file is not None else None
    if paths:
        return *_named_registries(paths, folder), found
    from obs_lint.registry_of_project import declared, sources_of

    if not sources_of(config):
        return (), (), found
    with declared(config, use_cache=not args.no_cache) as of:
        broken = tuple(
            Failure("registry", problem.place.path, problem.message, problem.place.line, problem.place.column)
            for problem in of.registries.broken
        )
        return of.registries.sources, broken, found


def _named_registries(paths: Sequence[str], folder: str) -> tuple[tuple[Registry, ...], tuple[Failure, ...]]:
    from obs_lint.config.model import RegistrySource
    from obs_lint.registry.model import RegistryError
    from obs_lint.registry.reader import Reader
    from obs_lint.registry.sources import read
    from obs_lint.report import Failure

    registries = []
    failures = []
    for path in paths:
        kind = "lock:" if path.endswith(".lock.json") else ""
        try:
            registries.append(read(RegistrySource(kind + path), Reader(folder)))
        except RegistryError as error:
            for problem in error.problems:
                place = problem.place
                failures.append(Failure("registry", place.path, problem.message, place.line, place.column))
    return tuple(registries), tuple(failures)


def _known(args: Namespace) -> frozenset[str]:
    """The fingerprints that `--baseline` lists. Raises ConfigError."""
    from obs_lint.baseline.document import BaselineError, read
    from obs_lint.config.errors import ConfigError

    if not args.baseline:
        return frozenset()
    try:
        entries = read(args.baseline)
    except BaselineError as error:
        raise ConfigError(f"{args.baseline}:{error.line}: this baseline can't be used: {error}") from None
    if entries is None:
        raise ConfigError(f"there is no baseline {args.baseline}: `--write-baseline FILE` writes one")
    return frozenset(entry.fingerprint for entry in entries)


def _report(
    result: Result, known: frozenset[str], args: Namespace, config: Config | None, sources: int
) -> tuple[Result, Report, int]:
    """What is left beside the baseline, as a result and as a Report; and the exit code."""
    from obs_lint.config import load
    from obs_lint.diagnostic import Severity
    from obs_lint.report import CheckAnswer, Report, SmokeAnswers, Summary

    fail_on = Severity(args.fail_on)
    rules: dict[str, tuple[str, str]] = {}
    severities: dict[str, Severity] = {}
    if result.findings:
        import os

        from obs_lint.catalogue import load_catalogue

        catalogue = load_catalogue(config or load(os.getcwd(), isolated=True))
        for code in {finding.code for finding in result.everything()}:
            rule = catalogue.rules.get(code)
            if rule is not None:
                rules[code], severities[code] = (rule.why, rule.url), rule.severity
    every = result.diagnostics(severities)
    left = result.without(known) if known else result
    if args.write_baseline:
        _write_baseline(args.write_baseline, result, every)
    new = left.diagnostics(severities)
    kept = {diagnostic.fingerprint for diagnostic in new}
    aside = tuple(diagnostic for diagnostic in every if diagnostic.fingerprint not in kept)
    notes = list(left.notes)
    if gone := len(known - {diagnostic.fingerprint for diagnostic in every}):
        notes.append(f"{gone} of {len(known)} entries of the baseline were not found this time")
    left = replace(left, notes=tuple(notes))
    exit_code = left.exit_code(fail_on, severities)
    report = Report(
        new,
        warnings=left.notes,
        summary=Summary(files=sources, baselined=len(aside)),
        rules=rules,
        fail_on=fail_on,
        known=aside,
        smoke=SmokeAnswers(
            left.answer.value,
            {name: CheckAnswer(one.answer.value, one.reason, one.looked_at) for name, one in left.verdicts.items()},
            left.counts,
            left.events,
            left.evictions,
            exit_code,
        ),
    )
    return left, report, exit_code


def _write_baseline(path: str, result: Result, diagnostics: Sequence[Diagnostic]) -> None:
    """List what was found, inconclusive findings apart. Raises ConfigError."""
    from obs_lint.baseline.comparison import entries_of
    from obs_lint.baseline.document import BaselineError, write
    from obs_lint.config.errors import ConfigError

    certain = {finding.fingerprint for finding in result.everything() if not finding.inconclusive}
    try:
        write(path, entries_of(diagnostic for diagnostic in diagnostics if diagnostic.fingerprint in certain))
    except BaselineError as error:
        raise ConfigError(f"the baseline {path}: {error}") from None


def _with_seen(report: Report, seen: Mapping[str, int]) -> Report:
    """The report with every event that was seen, registered or not."""
    assert report.smoke is not None
    return replace(report, smoke=replace(report.smoke, events=dict(seen)))


def _render(
    report: Report, code: int, args: Namespace, config: Config | None, title: str, shown: Sequence[str] = ()
) -> int:
    """Write the report. `title` is its name where there is no project; `shown` are the files that may be quoted."""
    from obs_lint.cli import fail
    from obs_lint.reporters import DEFAULT_FORMAT, render

    context = _context(args)
    chosen = args.output_format or DEFAULT_FORMAT
    text = render(
        chosen,
        report,
        color=context.color,
        unicode=context.unicode,
        width=context.width,
        quiet=args.quiet,
        # Captured lines may hold what must not leave: they are named, never quoted.
        sources=lambda path: _lines(path) if path in shown else None,
        supplement=_supplement(report, config, title, args) if chosen == "html" else None,
    )
    if args.output_file:
        try:
            with open(args.output_file, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
                stream.write(text)
        except OSError as error:
            return fail(f"can't write {args.output_file}: {error.strerror or error}")
    else:
        from obs_lint.reporters.terminal import write

        write(sys.stdout, text)
    return code


def _lines(path: str) -> list[str] | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().split("\n")
    except OSError:
        return None


def _supplement(report: Report, config: Config | None, title: str, args: Namespace) -> Supplement:
    """What the html page shows beside the report: a project's surface, and its events joined with what was seen."""
    from obs_lint.reporters.supplement import Supplement

    if config is None:
        return Supplement(title=title)
    from obs_lint.inventory.supplement import supplement

    seen = None if report.smoke is None else report.smoke.events
    return supplement(report, config, seen=seen, use_cache=not args.no_cache)


def _judgement(
    result: Result, report: Report, code: int, context: Context, index: Index | None, table: Any
) -> list[str]:
    """Findings, verdicts, coverage and the last line."""
    from obs_lint.reporters.smoke_summary import causes, closing, covered, reasons, verdicts

    palette = context.palette
    out: list[str] = []
    if result.findings:
        out += [
            "",
            f"{palette.strong}Findings{palette.reset}, root causes first",
            *causes(result.findings, context, index),
        ]
    out += ["", f"{palette.strong}Checks{palette.reset}", *verdicts(result.verdicts, context)]
    if why := reasons(result.verdicts, context):
        out += ["", f"{palette.strong}Inconclusive because{palette.reset}", *why]
    if table is not None and (lines := covered(table, context)):
        out += ["", f"{palette.strong}Coverage{palette.reset}", *lines]
    for note in result.notes:
        out += ["", note]
    for window, number in result.evictions.items():
        out.append(f"{number} entries of {window} were forgotten before they were judged")
    return [*out, "", closing(result.answer, code, result.findings, context, report.summary.baselined)]


def _flow_in(index: Index, value: str) -> tuple[Flow | None, list[str]]:
    from obs_lint.smoke.lookup import flow_of

    return flow_of(lambda: index.records, value, index.shape)


def _explain(flow: Flow | None, similar: Sequence[str], value: str, args: Namespace) -> int:
    from obs_lint.cli import fail
    from obs_lint.reporters.flow_tree import explained, lines_of
    from obs_lint.smoke.why import answers

    if flow is None:
        hint = f"; did you mean {' or '.join(similar)}?" if similar else ""
        return fail(f"--why {value}: no record carries that id{hint}")
    text = lines_of(explained(answers(flow), _context(args)))
    if args.output_file:
        try:
            with open(args.output_file, "w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
                stream.write(text)
        except OSError as error:
            return fail(f"can't write {args.output_file}: {error.strerror or error}")
        return 0
    from obs_lint.reporters.terminal import write

    write(sys.stdout, text)
    return 0


def _names(records: Iterable[Record]) -> dict[str, int]:
    names: dict[str, int] = {}
    for record in records:
        if record.kind == "event" and record.name:
            names[record.name] = names.get(record.name, 0) + 1
    return names


def _write_records(path: str, records: Iterable[Record]) -> None:
    from obs_lint.config.errors import ConfigError

    try:
        with open(path, "wb") as stream:
            for record in records:
                if record.raw and record.kind != "span":
                    stream.write(record.raw + b"\n")
    except OSError as error:
        raise ConfigError(f"--records {path} can't be written: {error.strerror or error}") from None


def _context(args: Namespace) -> Context:
    from obs_lint.reporters.context import Context
    from obs_lint.reporters.terminal import resolve_color, resolve_width, supports_unicode

    to_file = args.output_file is not None
    return Context(
        color=not to_file and resolve_color(args.color, sys.stdout),
        unicode=to_file or supports_unicode(sys.stdout),
        width=resolve_width(sys.stdout),
        quiet=args.quiet,
    )


def _print(lines: Iterable[str]) -> None:
    from obs_lint.reporters.terminal import write

    write(sys.stdout, "\n".join(lines) + "\n")


def _show_failures(failures: Sequence[Failure], args: Namespace) -> int:
    from obs_lint.report import Report

    if args.output_format is None:
        for failure in failures:
            place = f"{failure.path}:{failure.line}:{failure.column}: " if failure.path else ""
            print(f"obs-lint: error: {place}{failure.message}", file=sys.stderr)
        return 2
    from obs_lint.reporters import render
    from obs_lint.reporters.terminal import write

    write(sys.stdout, render(args.output_format, Report((), failures=tuple(failures))))
    return 2


def _all_of(error: Exception) -> int:
    from obs_lint.reporters.terminal import write

    for line in str(error).split("\n"):
        write(sys.stderr, f"obs-lint: error: {line}\n")
    return 2
