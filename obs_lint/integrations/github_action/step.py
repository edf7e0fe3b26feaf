"""The step that checks: finds the base, runs `obs-lint check` once, and tells the runner what came out.

It goes through the command line, as a user does, so that what holds there (messages, exit codes, formats) holds here; a
run that ends in any other way counts as exit code 2, never as clean.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from obs_lint.integrations.github_action.base import Base, NoBaseError, base_of, commit_of
from obs_lint.integrations.github_action.commands import annotation, append, guarded, outputs_text
from obs_lint.integrations.github_action.event import Event, event_of
from obs_lint.integrations.github_action.inputs import PREFIX, InputError, Inputs, read
from obs_lint.integrations.github_action.summary import alert, not_run, within_limit

_TOOL = (sys.executable, "-I", "-X", "utf8", "-m", "obs_lint")


@dataclass(slots=True)
class _Said:
    """What the step itself has to say; the formats leave it one warning and one notice of GitHub's ten."""

    warnings: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def commands(self) -> str:
        """Return them as annotations, at most one of a level."""
        return "".join(
            annotation(level, "\n".join(messages))
            for level, messages in (("warning", self.warnings), ("notice", self.notices))
            if messages
        )

    def page(self) -> str:
        """Return them as Markdown."""
        return "".join(alert("WARNING", text) for text in self.warnings) + "".join(
            alert("NOTE", text) for text in self.notices
        )


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Do what the inputs in the environment ask for; returns the exit code of the step: 0, 1 or 2."""
    try:
        inputs = read(environment)
        _enter(inputs.working_directory, environment)
        said = _Said()
        base = _base(inputs, event_of(environment), said)
        return _check(inputs, event_of(environment), base, said, environment)
    except InputError as error:
        return _refuse(str(error), environment)


def _enter(folder: str, environment: Mapping[str, str]) -> None:
    try:
        os.chdir(os.path.join(environment.get("GITHUB_WORKSPACE") or os.getcwd(), folder))
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it holds a null character"
        raise InputError(f"working-directory: {folder!a} can't be entered: {said}") from None


def _base(inputs: Inputs, event: Event, said: _Said) -> Base | None:
    """Find what to compare with; None for nothing. Raises InputError where it was asked for and is not there."""
    if inputs.new_since:
        if inputs.only_new is False:
            raise InputError(
                "new-since, only-new: a revision to compare with, and only-new is false; leave one of them away"
            )
        try:
            return Base(commit_of(inputs.new_since, os.getcwd()), f"`{inputs.new_since}`")
        except NoBaseError as error:
            raise InputError(f"new-since: {error}") from None
    if not (event.proposes if inputs.only_new is None else inputs.only_new):
        return None
    try:
        return base_of(event, os.getcwd())
    except NoBaseError as error:
        if inputs.only_new:
            raise InputError(f"only-new: {error}") from None
        said.warnings.append(f"Every finding counts as new, because {error}.")
        return None


def _check(inputs: Inputs, event: Event, base: Base | None, said: _Said, environment: Mapping[str, str]) -> int:
    folder = tempfile.mkdtemp(prefix="obs-lint-", dir=environment.get("RUNNER_TEMP") or None)
    document, page = os.path.join(folder, "findings.json"), os.path.join(folder, "findings.md")
    sarif = _wanted("sarif", inputs.sarif, os.path.join(folder, "obs-lint.sarif"), said)
    html = _wanted("html", inputs.html, os.path.join(folder, "obs-lint.html"), said)
    reports = {"json": document, "markdown": page, "sarif": sarif, "html": html}
    done = _run(
        "check",
        *inputs.args,
        *_flags({"config": inputs.config, "fail-on": inputs.fail_on, "new-since": base.commit if base else ""}),
        f"--output-format={'github' if inputs.annotations else 'concise'}",
        *(f"--report={name}={file}" for name, file in reports.items() if file),
        "--",
        *inputs.paths,
        environment=environment,
    )
    found = _read(document)
    code = done.returncode if found is not None and done.returncode in (0, 1, 2) else 2
    errors = _text(done.stderr)
    may_upload = bool(sarif) and found is not None and _may_upload(event, said)
    log = _text(done.stdout)
    _say(said.commands())
    if found is None:
        _say(annotation("error", _reason(errors, done.returncode)) + guarded(log))
    else:
        _say(log if inputs.annotations else guarded(log))
    _say(guarded(errors), sys.stderr)

    parts = [said.page()]
    if found is None:
        parts.append(not_run(errors))
    elif base is None:
        parts.append(_content(page))
    else:
        heading, _, rest = _content(page).partition("\n\n")
        compared = f"Compared with `{base.commit[:12]}`, {base.what}.\n"
        parts += [f"{heading}\n", compared, rest, _registry_changes(inputs, base, environment)]
    text = within_limit(parts)
    file = os.path.join(folder, "summary.md")
    append(file, text)
    if inputs.summary:
        append(environment.get("GITHUB_STEP_SUMMARY", ""), text)
    summary = found["summary"] if found is not None else {}
    new = len(found["diagnostics"]) if found is not None else None
    outputs = {
        "violations": "" if new is None else str(new + summary["baselined"]),
        "new-violations": "" if new is None else str(new),
        "fixed": str(summary.get("gone", "")),
        "exit-code": str(code),
        "base": base.commit if base else "",
        "sarif-file": sarif if os.path.isfile(sarif) else "",
        "sarif-upload": "true" if may_upload and os.path.isfile(sarif) else "false",
        "summary-file": file,
        "html-file": html if os.path.isfile(html) else "",
    }
    append(environment.get("GITHUB_OUTPUT", ""), outputs_text(outputs))
    return code


def _refuse(message: str, environment: Mapping[str, str]) -> int:
    """Say that an input can't be used; nothing was run."""
    _say(annotation("error", message))
    append(environment.get("GITHUB_STEP_SUMMARY", ""), not_run(message))
    append(environment.get("GITHUB_OUTPUT", ""), outputs_text({"exit-code": "2"}))
    return 2


def _wanted(name: str, value: str | bool, default: str, said: _Said) -> str:
    """Return the absolute path that a report is to be written to, "" for none. Raises InputError."""
    from obs_lint.reporters import FORMATS

    if value is False:
        return ""
    if name not in FORMATS:
        said.warnings.append(f"{name}: this version of obs-lint does not write it.")
        return ""
    path = default if value is True else os.path.abspath(str(value))
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: {value!a} can't be written: {error}") from None
    return path


def _flags(values: Mapping[str, str]) -> list[str]:
    """`--name=value` in one word: a value that begins with a dash is no flag then."""
    return [f"--{name}={value}" for name, value in values.items() if value]


def _run(*words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    known = {name: value for name, value in environment.items() if not name.startswith(PREFIX)}
    try:
        return subprocess.run([*_TOOL, *words], env=known, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except (OSError, ValueError) as error:
        raise InputError(f"obs-lint can't be run with these inputs: {error}") from None


def _read(file: str) -> dict[str, Any] | None:
    try:
        with open(file, encoding="utf-8") as stream:
            document = json.load(stream)
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _content(file: str) -> str:
    with open(file, encoding="utf-8") as stream:
        return stream.read()


def _reason(errors: str, code: int) -> str:
    """Return why nothing was checked: what obs-lint says of it, else how it ended."""
    mark = "obs-lint: error: "
    lines = errors.strip().splitlines()
    for number, line in enumerate(lines):
        if mark in line or line.startswith("obs-lint check: error: "):
            return "\n".join([line.partition("error: ")[2], *lines[number + 1 :]])
    return f"obs-lint ended with exit code {code} and without a result. {lines[-1] if lines else ''}".rstrip()


def _may_upload(event: Event, said: _Said) -> bool:
    if why := event.may_only_read:
        said.notices.append(f"The SARIF file is not for upload: {why}, so that its token may only read.")
        return False
    if event.is_private:
        said.notices.append(
            "The SARIF file is not for upload: code scanning takes nothing of a private repository without GitHub Code "
            "Security. Where the repository has it, upload `sarif-file` without asking for `sarif-upload`."
        )
        return False
    return True


def _registry_changes(inputs: Inputs, base: Base, environment: Mapping[str, str]) -> str:
    """Return what changed in the event registry, as Markdown; "" where there is no registry."""
    from obs_lint.config import ConfigError, load
    from obs_lint.registry_of_project import sources_of

    if "--isolated" in inputs.args:
        return ""
    try:
        if not sources_of(load(os.getcwd(), config_file=inputs.config or None)):
            return ""
    except ConfigError:
        return ""
    flags = _flags({"config": inputs.config, "format": "markdown"})
    done = _run("registry", "diff", base.commit[:12], *flags, environment=environment)
    if done.returncode in (0, 1) and done.stdout:
        return _text(done.stdout)
    return alert("WARNING", f"The event registry was not compared: {_reason(_text(done.stderr), done.returncode)}")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")


def _say(text: str, stream: Any = None) -> None:
    """Write to the log; a runner reads UTF-8."""
    stream = stream or sys.stdout
    stream.flush()
    stream.buffer.write(text.encode("utf-8", "backslashreplace"))
    stream.flush()


__all__: Sequence[str] = ["main"]
