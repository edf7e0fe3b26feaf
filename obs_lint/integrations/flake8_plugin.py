"""The flake8 plugin `OBS`: the project is linted once in a process, and each file is given what was found in it."""

from __future__ import annotations

import gc
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    import ast

    from flake8.options.manager import OptionManager

    from obs_lint.config.model import Config
    from obs_lint.report import Failure, Report

Found = tuple[int, int, str, type]
"""What flake8 takes: 1-based line, 0-based column in code points, `CODE message`, the plugin's class."""


class Plugin:
    """What flake8 makes for each file; registered as `OBS` in the group `flake8.extension`."""

    _session: Session | None = None
    """Made by `parse_options`; a process that is forked to check files inherits it."""

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str]) -> None:
        """`tree` is not used: flake8 asks what takes it once for each file."""
        self.filename = filename
        self.lines = lines

    @classmethod
    def add_options(cls, manager: OptionManager) -> None:
        """Add `--obs-config`, which may stand in flake8's own configuration as `obs_config`."""
        manager.add_option(
            "--obs-config",
            metavar="FILE",
            parse_from_config=True,
            normalize_paths=True,
            help="obs-lint's configuration, in place of the nearest obs-lint.toml or pyproject.toml; "
            "the project's root is the working directory then",
        )

    @classmethod
    def parse_options(cls, manager: OptionManager, options: argparse.Namespace, args: Sequence[str]) -> None:
        """Lint the project, so that what can't be done is said before any file is checked.

        Raises flake8's ExecutionError, which flake8 shows without a traceback, for whatever no file would show.
        """
        import multiprocessing

        cls._session = None
        session = Session(os.getcwd(), options)
        if not session.is_wanted():
            return
        cls._session = session
        if team := session.team_codes():
            # flake8 shows unasked only codes that begin as the plugin is called.
            options.extended_default_select = [*options.extended_default_select, *team]
        # What raises while a pool starts its processes makes the pool start others for ever.
        if multiprocessing.parent_process() is None:
            cls._session.require_usable()

    def run(self) -> Iterator[Found]:
        """Yield what obs-lint has to say of the file."""
        if self._session is not None:
            for line, column, text in self._session.findings(self.filename, self.lines):
                yield line, column, text, type(self)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What one run of the engine found, by path relative to the root."""

    by_path: Mapping[str, tuple[tuple[int, int, str], ...]]
    elsewhere: tuple[str, ...]
    """Failures that are no file's: a configuration, a registry or a baseline that can't be used."""
    unparsable: tuple[Failure, ...]
    """Files that could not be read or parsed."""


class Session:
    """What one process of flake8 knows of the project. Errors that it raises are flake8's ExecutionError."""

    def __init__(self, cwd: str, options: argparse.Namespace) -> None:
        """Read nothing yet; `options` are flake8's."""
        self.cwd = cwd
        self.options = options
        self.on_stdin = "-" in options.filenames
        self._config: Config | None = None
        self._project: _Findings | None = None

    def is_wanted(self) -> bool:
        """True where flake8 would show any of our codes or of the team's; where not, there is nothing to be run."""
        if any(_shows(self.options, code) for code in _codes()):
            return True
        chosen = (*(self.options.select or ()), *(self.options.extend_select or ()))
        if all(_OF_FLAKE8.fullmatch(selector) for selector in chosen):
            return False
        return any(_shows(self.options, code) for code in self.team_codes())

    def team_codes(self) -> tuple[str, ...]:
        """Return the codes of the team's own rules."""
        from obs_lint.catalogue import load_catalogue
        from obs_lint.catalogue.error import CatalogueError
        from obs_lint.config.errors import ConfigError

        config = self._configuration()
        if not config.rule_paths:
            return ()
        try:
            return tuple(code for code in load_catalogue(config).rules if not code.startswith("OBS"))
        except (ConfigError, CatalogueError) as error:
            raise _execution_error(str(error)) from None

    def require_usable(self) -> None:
        """Raise for failures that flake8 shows nowhere else."""
        says_syntax = _shows(self.options, "E999")
        if self.on_stdin:
            found = self._of_stdin(self.options.stdin_display_name)
            checked = {self._located(self.options.stdin_display_name)}
        else:
            found = self._of_project()
            checked = self._checked() if found.unparsable or not says_syntax else set()
        shown = checked if says_syntax else ()
        problems = [*found.elsewhere, *(_failure(each) for each in found.unparsable if each.path not in shown)]
        if not says_syntax and not problems:
            version = ".".join(map(str, sys.version_info[:2]))
            # Newer syntax than this Python's: obs-lint reads it, flake8 does not, and would say nothing at all.
            problems = [
                f"{path}: flake8 can't parse this file with Python {version}, and would "
                f"hide what is found in it; select E999, use a newer Python, or `obs-lint check`"
                for path in sorted(checked & found.by_path.keys())
                if not self._is_parsable(path)
            ]
        if problems:
            raise _execution_error("\n".join(problems))

    def _is_parsable(self, path: str) -> bool:
        import ast
        import tokenize

        try:
            if self.on_stdin:
                from flake8.utils import stdin_get_value

                text = stdin_get_value()
            else:
                with tokenize.open(os.path.join(str(self._configuration().root), path)) as stream:
                    text = stream.read()
            ast.parse(text)
        except SyntaxError:
            return False
        except (OSError, UnicodeDecodeError, ValueError, RecursionError, MemoryError):
            return True
        return True

    def findings(self, filename: str, lines: Sequence[str]) -> Sequence[tuple[int, int, str]]:
        """Return (1-based line, 0-based column, text) of what was found in a file that flake8 calls `filename`."""
        if self.on_stdin and filename == self.options.stdin_display_name:
            return self._of_stdin(filename).by_path.get(self._located(filename), ())
        path = self._located(filename)
        if _is_of_project(path):
            return self._of_project().by_path.get(path, ())
        # A script without a suffix, or a file elsewhere: no whole run has it, one that names it does.
        found = self._run(paths=[filename])
        if found.elsewhere:
            raise _execution_error("\n".join(found.elsewhere))
        return found.by_path.get(path, ())

    def _of_project(self) -> _Findings:
        if self._project is None:
            self._project = self._run()
        return self._project

    def _of_stdin(self, name: str) -> _Findings:
        if self._project is None:
            from flake8.utils import stdin_get_value

            # flake8 keeps what it has read, and has decoded it as the text says.
            self._project = self._run(paths=[name], overlay={self._located(name): _encoded(stdin_get_value())})
        return self._project

    def _run(self, paths: Sequence[str] = (), overlay: Mapping[str, bytes] | None = None) -> _Findings:
        from obs_lint import engine
        from obs_lint.catalogue.error import CatalogueError
        from obs_lint.config.errors import ConfigError

        # Nobody but flake8 has named the file: what the configuration excludes stays out.
        config = replace(self._configuration(), force_exclude=True) if paths else self._configuration()
        collecting = gc.isenabled()
        gc.disable()
        try:
            report = engine.run(config, paths=paths, cwd=self.cwd, overlay=overlay)
        except (ConfigError, CatalogueError) as error:
            raise _execution_error(str(error)) from None
        except Exception as error:
            # A TypeError would make flake8 call `parse_options` in another way, anything else would be a traceback.
            what = f"{type(error).__name__}: {error}"
            raise _execution_error(f"internal error, {what}; please report it, with `obs-lint check`") from error
        finally:
            if collecting:
                gc.enable()
        return _sorted_out(report)

    def _configuration(self) -> Config:
        if self._config is None:
            from obs_lint.config import ConfigError, load

            try:
                self._config = load(self.cwd, config_file=self.options.obs_config)
            except ConfigError as error:
                raise _execution_error(str(error)) from None
        return self._config

    def _located(self, filename: str) -> str:
        from obs_lint.discovery import locate

        return locate(filename, self.cwd, str(self._configuration().root))[0]

    def _checked(self) -> set[str]:
        """The files that flake8 is about to check, relative to the root."""
        from flake8.discover_files import expand_paths

        options = self.options
        files = expand_paths(
            paths=options.filenames,
            stdin_display_name=options.stdin_display_name,
            filename_patterns=options.filename,
            exclude=(*options.exclude, *options.extend_exclude),
        )
        return {self._located(file) for file in files}


def _sorted_out(report: Report) -> _Findings:
    found: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    for each in report.diagnostics:
        start = each.span.start
        found[each.path].append((start.line, start.column - 1, f"{each.code} {_one_line(each.message)}"))
    unparsable = tuple(failure for failure in report.failures if failure.code == "OBS900")
    for failure in unparsable:
        found[failure.path].append((failure.line, failure.column - 1, f"OBS900 {_one_line(failure.message)}"))
    elsewhere = tuple(_failure(failure) for failure in report.failures if failure.code != "OBS900")
    return _Findings({path: tuple(sorted(items)) for path, items in found.items()}, elsewhere, unparsable)


def _failure(failure: Failure) -> str:
    place = f"{failure.path}:{failure.line}:{failure.column}: " if failure.path else ""
    code = f"{failure.code} " if failure.code == "OBS900" else ""
    return f"{place}{code}{_one_line(failure.message)}"


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _is_of_project(path: str) -> bool:
    """True for a path that a run over the whole project has seen, or has left out as it was told."""
    from obs_lint.file_tree import SUFFIXES
    from obs_lint.source_roots import is_outside

    return path.endswith(SUFFIXES) and not is_outside(path)


_OF_FLAKE8 = re.compile(r"[EFW][0-9]*|C(?:9[0-9]*)?")
"""Selectors of flake8's own codes."""


def _codes() -> Sequence[str]:
    from obs_lint.catalogue.shipped import documents

    return [rule["code"] for _, rule in documents()]


def _shows(options: argparse.Namespace, code: str) -> bool:
    """True where flake8's `select`, `ignore` and their like let a code through."""
    from flake8.style_guide import Decision, DecisionEngine

    chosen: Any = DecisionEngine(options).decision_for(code)
    return bool(chosen == Decision.Selected)


def _execution_error(message: str) -> Exception:
    from flake8.exceptions import ExecutionError

    error: Exception = ExecutionError(f"obs-lint: {message}")
    return error


def _encoded(text: str) -> bytes:
    """The bytes of a source that was decoded as its own declaration says (PEP 263), or as UTF-8 where that failed."""
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode("utf-8")).readline)
        return text.encode(encoding)
    except (SyntaxError, UnicodeEncodeError, LookupError):
        return text.encode("utf-8", "surrogatepass")
