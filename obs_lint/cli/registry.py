"""`obs-lint registry`: compile, check, list and compare the event registry, and exchange it with Weaver."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from obs_lint.config.model import Config
    from obs_lint.registry.model import Event, Problem, Registry
    from obs_lint.registry_of_project import Declared
    from obs_lint.reporters.context import Context

_REPORT_FORMATS = ("full", "concise", "grouped", "json", "json-lines", "github")


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint registry` takes."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, title="actions")

    def action(name: str, text: str, run: Callable[[Namespace], int]) -> ArgumentParser:
        sub = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        sub.set_defaults(perform=run)
        return sub

    build = action("build", "write the lock, and typed constructors where they are asked for", _build)
    build.add_argument("--output", "-o", metavar="FILE", help="the lock (default: beside the index, as .lock.json)")
    build.add_argument(
        "--python", metavar="PATH", help="write typed constructors: a module (PATH.py) or a package with py.typed"
    )
    build.add_argument("--check", action="store_true", help="write nothing; exit 1 where something would change")

    check = action(
        "check", "find a stale lock, stale generated modules and whatever is wrong with the registry", _check
    )
    check.add_argument("--output-format", choices=_REPORT_FORMATS, metavar="FORMAT", help=", ".join(_REPORT_FORMATS))
    check.add_argument("--output-file", metavar="FILE", help="write there instead of stdout")
    check.add_argument("--fail-on", choices=("error", "warning", "info"), help="exit 1 from this severity on")
    check.add_argument("--quiet", "-q", action="store_true", help="findings and failures only")

    listing = action("list", "list the registered events", _list)
    listing.add_argument("names", nargs="*", metavar="NAME", help="only these; `*` stands for anything")
    listing.add_argument("--format", choices=("table", "json"), default="table", help="default: table")

    diff = action("diff", "compare the registry with what it was at a git revision", _diff)
    diff.add_argument("revision", metavar="REV", help="a branch, tag or commit: main, v1.2, HEAD~1")
    diff.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="default: text")

    for name, text, run in (
        ("export", "write the registry in another format", _export),
        ("import", "write a registry from another format", _import),
    ):
        sub = action(name, text, run)
        sub.add_argument("format", choices=("weaver",), metavar="weaver", help="OpenTelemetry Weaver's registry v2")
        if name == "export":
            sub.add_argument("folder", nargs="?", default="weaver", metavar="DIR", help="write there (default: weaver)")
            sub.add_argument("--schema-url", default="", metavar="URL", help="https://host/path/<version>")
            sub.add_argument("--description", default="", metavar="TEXT", help="what the manifest says of the registry")
        else:
            sub.add_argument("folder", metavar="DIR", help="the folder of the Weaver registry")
            sub.add_argument("--output", "-o", metavar="FILE", help="write there instead of stdout")
        sub.add_argument("--force", action="store_true", help="replace files that obs-lint did not write")

    for sub in actions.choices.values():
        sub.add_argument("--config", metavar="FILE", help="use this file; the root is the working directory then")
        sub.add_argument("--no-cache", action="store_true", help="neither read nor write the cache")
        sub.add_argument("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
        sub.add_argument("--jobs", "-j", type=int, metavar="N", help="processes (default: one a core)")


def run(args: Namespace) -> int:
    """Run one action and return its exit code. Raises ConfigError and CatalogueError."""
    code: int = args.perform(args)
    return code


# -- what all actions share


def _config(args: Namespace, overrides: dict[str, Any] | None = None) -> Config:
    import os

    from obs_lint.config import ConfigError, load
    from obs_lint.registry_of_project import sources_of

    config = load(os.getcwd(), config_file=args.config, overrides=overrides or {})
    if not sources_of(config):
        where = config.file.name if config.file is not None else "obs-lint.toml"
        raise ConfigError(
            "no registry is configured",
            hint=f'name one in {where}: registry = ["contracts/obs-registry.yaml"]; docs/registry.md has the format',
        )
    return config


def _unusable(declared: Declared, since: str = "") -> int:
    """Say why sources can't be used, and return the exit code: 0 where all can."""
    for problem in declared.registries.broken:
        _complain(problem, since)
    return 2 if declared.registries.broken else 0


def _complain(problem: Problem, since: str = "") -> None:
    from obs_lint.reporters.terminal import write
    from obs_lint.reporters.text import one_line, visible

    place = problem.place
    where = f"{visible(place.path)}:{place.line}:{place.column}: " if place.path else ""
    when = f"at {visible(since)}: " if since else ""
    advice = f" ({one_line(problem.help)})" if problem.help else ""
    write(sys.stderr, f"obs-lint: error: {when}{where}{one_line(problem.message)}{advice}\n")


def _context(args: Namespace) -> Context:
    from obs_lint.reporters.context import Context
    from obs_lint.reporters.terminal import resolve_color, resolve_width, supports_unicode

    return Context(
        color=resolve_color(args.color, sys.stdout),
        unicode=supports_unicode(sys.stdout),
        width=resolve_width(sys.stdout),
    )


def _print(text: str) -> None:
    from obs_lint.reporters.terminal import write

    write(sys.stdout, text)


def _warn(text: str) -> None:
    from obs_lint.reporters.terminal import write
    from obs_lint.reporters.text import one_line

    write(sys.stderr, f"obs-lint: warning: {one_line(text)}\n")


def _from_root(path: str, config: Config) -> str:
    """A path of the command line, which is relative to the working directory, from the project's root with `/`."""
    import os

    absolute, root = os.path.abspath(path), str(config.root)
    try:
        relative = os.path.relpath(absolute, root)
    except ValueError:  # another drive
        relative = absolute
    return (absolute if relative.startswith("..") else relative).replace(os.sep, "/")


# -- build


class _Output(NamedTuple):
    """A file that is built."""

    path: str
    """From the project's root."""
    text: str
    stale: str
    """How it differs from what it should be, "" where it does not."""


def _build(args: Namespace) -> int:
    import os

    from obs_lint.cli import fail
    from obs_lint.registry.lock import FORMAT
    from obs_lint.registry.model import RegistryError
    from obs_lint.registry_of_project import declared

    config = _config(args)
    with declared(config, use_cache=not args.no_cache, jobs=args.jobs) as found:
        code = _unusable(found) or _invalid(found)
    if code:
        return code
    path = _lock_of(args, found.config)
    if f"lock:{path}" in {source.source for source in found.config.registry}:
        return fail(f"{path} is itself a source of the registry: `--output FILE` writes the lock elsewhere")
    if args.python and not args.python.endswith((".py", ".pyi")) and os.path.isfile(args.python):
        return fail(f"{args.python} is a file: `--python` takes a folder for a package, or PATH.py for a module")
    there = _bytes(_absolute(path, config))
    if there is not None and there.strip() and FORMAT.partition("/")[0].encode() not in there:
        return fail(f"{path} is no lock, and is not replaced by one: `--output FILE` writes it elsewhere")
    try:
        outputs = _outputs(found, path, _from_root(args.python, config) if args.python else "")
    except RegistryError as error:
        for problem in error.problems:
            _complain(problem)
        return 2
    except FileExistsError as error:
        return fail(f"{error} was not written by `registry build`: name another PATH, or remove it")
    if args.check:
        for output in outputs:
            if output.stale:
                _print(f"{output.stale}\n")
        return 1 if any(output.stale for output in outputs) else 0
    for output in outputs:
        if output.stale:
            try:
                _write(_absolute(output.path, config), output.text)
            except OSError as error:
                return fail(f"{output.path} can't be written: {error.strerror or error}")
        _print(f"{'wrote' if output.stale else 'up to date:'} {output.path}\n")
    return 0


def _outputs(found: Declared, path: str, module: str) -> list[_Output]:
    """What is to be written: the lock at `path`, and the typed constructors where a module or package is named.

    Raises FileExistsError where the module is somebody else's, RegistryError where something is no JSON.
    """
    from obs_lint.registry.lock import compiled, hash_of, lock_text
    from obs_lint.registry.outputs import staleness
    from obs_lint.registry.typed_constructors import module_text, stamp_of

    document = compiled(found.registries.sources)
    text = lock_text(document)
    outputs = [_Output(path, text, staleness(path, text, _bytes(_absolute(path, found.config))))]
    if not module:
        return outputs
    package = "" if module.endswith((".py", ".pyi")) else module
    module = f"{package}/__init__.py" if package else module
    there = _bytes(_absolute(module, found.config))
    if there is not None and there.strip() and stamp_of(there) is None:
        raise FileExistsError(module)
    for name, made in ((module, module_text(document, hash_of(text))), (f"{package}/py.typed" if package else "", "")):
        if name:
            there = _bytes(_absolute(name, found.config))
            same = there is not None and there.replace(b"\r\n", b"\n") == made.encode()
            outputs.append(
                _Output(name, made, "" if same else f"`{name}` is {'missing' if there is None else 'stale'}")
            )
    return outputs


def _invalid(found: Declared) -> int:
    """Refuse to compile schemas that can't be used: name them and return the exit code."""
    from obs_lint.checks.registry_problem import problems_of

    broken = [problem for problem in problems_of(found.project, found.registries) if problem.code == "OBS701"]
    for problem in broken:
        _complain(problem)
    return 1 if broken else 0


def _lock_of(args: Namespace, config: Config) -> str:
    """The lock's path from the root: as the command says, as the rule's options say, or beside the index."""
    from obs_lint.registry.outputs import lock_path

    if args.output:
        return _from_root(args.output, config)
    settings = config.rules.get("OBS706")
    configured = settings.options.get("lock") if settings is not None else None
    return configured or lock_path(config.registry)


def _absolute(path: str, config: Config) -> str:
    import os

    return os.path.join(str(config.root), path)


def _bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError:
        return None


def _write(path: str, text: str) -> None:
    """Write a file whole or not at all; line ends are LF everywhere."""
    import os

    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.replace(temporary, path)
    except OSError:
        try:
            os.unlink(temporary)
        except OSError:
            pass
        raise


# -- check


def _check(args: Namespace) -> int:
    import os
    from dataclasses import replace

    from obs_lint import engine
    from obs_lint.cli.check import show

    given: dict[str, Any] = {"select": ["OBS7", "OBS706"], "extend-select": []}
    given |= {"fail-on": args.fail_on} if args.fail_on else {}
    given |= {"output-format": args.output_format} if args.output_format else {}
    config = _config(args, given)
    report = engine.run(config, use_cache=not args.no_cache, jobs=args.jobs)
    files = sum(os.path.isfile(path) for path in report.inputs)
    report = replace(report, summary=report.summary._replace(files=files))
    for warning in report.warnings:
        _warn(warning)
    args.statistics, args.fix, args.paths = False, False, ()
    return show(report, config, args, {})


# -- list


def _list(args: Namespace) -> int:
    from fnmatch import fnmatchcase

    from obs_lint.registry_of_project import declared
    from obs_lint.reporters.event_table import render

    config = _config(args)
    with declared(config, use_cache=not args.no_cache, jobs=args.jobs) as found:
        rows: list[tuple[Event, Registry]] = [
            (event, registry)
            for registry in found.registries.sources
            for event in registry.events
            if not args.names or any(fnmatchcase(event.name, name) for name in args.names)
        ]
        code = _unusable(found)
    _print(render(rows, _context(args), as_json=args.format == "json"))
    for registry in found.registries.sources:
        if not registry.complete:
            _warn(f"{registry.source} may declare more events than could be found")
    return code


# -- diff


def _diff(args: Namespace) -> int:
    from obs_lint.cli import fail
    from obs_lint.registry.diff import compare
    from obs_lint.registry_of_project import declared, declared_at
    from obs_lint.reporters.registry_changes import render
    from obs_lint.revision import RevisionError

    config = _config(args)
    with declared(config, use_cache=not args.no_cache, jobs=args.jobs) as now:
        code = _unusable(now)
    try:
        with declared_at(config, args.revision, jobs=args.jobs) as then:
            code = _unusable(then, args.revision) or code
    except RevisionError as error:
        return fail(str(error))
    if code:
        return code
    changes = compare(then.registries.sources, now.registries.sources)
    _print(render(changes, args.revision, _context(args), format=args.format))
    return 1 if any(change.fails for change in changes) else 0


# -- Weaver


def _export(args: Namespace) -> int:
    from obs_lint.cli import fail
    from obs_lint.registry.weaver_export import export, losses, schema_url_problem
    from obs_lint.registry_of_project import declared

    config = _config(args)
    with declared(config, use_cache=not args.no_cache, jobs=args.jobs) as found:
        if code := _unusable(found):
            return code
    registries: Sequence[Registry] = found.registries.sources
    if args.schema_url and (problem := schema_url_problem(args.schema_url)):
        return fail(f"--schema-url: {problem}")
    files = export(registries, args.schema_url, args.description)
    foreign = [] if args.force else _foreign(args.folder, files)
    if foreign:
        return fail(f"{foreign[0]} was not written by `registry export weaver`: use another DIR, or `--force`")
    import os

    for name, text in files.items():
        try:
            _write(os.path.join(args.folder, *name.split("/")), text)
        except OSError as error:
            return fail(f"{args.folder}/{name} can't be written: {error.strerror or error}")
    for loss in losses(registries):
        _warn(f"{loss.place.path}:{loss.place.line}: {loss.what}" if loss.place.path else loss.what)
    for name in _leftovers(args.folder, files):
        _warn(f"{name} is left from an earlier export: delete it")
    events = sum(len(registry.events) for registry in registries)
    _print(f"wrote {events} events to {args.folder}: {', '.join(sorted(files))}\n")
    return 0


_OURS = "Written by `obs-lint registry export weaver`"


def _foreign(folder: str, files: Iterable[str]) -> list[str]:
    """Files that would be replaced, in a folder whose manifest is not one of ours."""
    import os

    there = [f"{folder}/{name}" for name in files if os.path.lexists(os.path.join(folder, *name.split("/")))]
    manifest = _bytes(os.path.join(folder, "manifest.yaml"))
    return [] if manifest is not None and _OURS.encode() in manifest else there


def _leftovers(folder: str, files: Iterable[str]) -> list[str]:
    import os

    try:
        there = sorted(os.listdir(os.path.join(folder, "events")))
    except OSError:
        return []
    return [f"{folder}/events/{name}" for name in there if f"events/{name}" not in files and name.endswith(".yaml")]


def _import(args: Namespace) -> int:
    import os

    from obs_lint.cli import fail
    from obs_lint.registry.model import RegistryError
    from obs_lint.registry.reader import Reader
    from obs_lint.registry.sources.weaver import imported

    if not os.path.isdir(args.folder):
        return fail(f"there is no folder {args.folder}")
    try:
        text, losses = imported(os.path.abspath(args.folder), Reader(os.getcwd()))
    except RegistryError as error:
        for problem in error.problems:
            _complain(problem)
        return 2
    if args.output is None:
        _print(text)
    else:
        if os.path.lexists(args.output) and not args.force:
            return fail(f"{args.output} exists: `--force` replaces it")
        try:
            _write(os.path.abspath(args.output), text)
        except OSError as error:
            return fail(f"{args.output} can't be written: {error.strerror or error}")
    for loss in losses:
        _warn(f"{loss.place.path}:{loss.place.line}: {loss.what}" if loss.place.path else loss.what)
    if args.output is not None:
        _print(f"wrote {args.output}\n")
    return 0
