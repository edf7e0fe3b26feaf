"""A team's own rules: the YAML files that `rule-paths` names, checked as strictly as the shipped ones."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from obs_lint import __version__
from obs_lint.catalogue.binding import is_reference, make_rule
from obs_lint.catalogue.error import CatalogueError
from obs_lint.catalogue.rule_files import MAX_BYTES, RuleFile, check_document, parse_rule_file
from obs_lint.catalogue.schema import Violation
from obs_lint.config import Config, error_at
from obs_lint.rule import Rule

_CACHE = "team-rules.json"


def add_team_rules(rules: dict[str, Rule], config: Config, *, cache: bool = True) -> tuple[str, ...]:
    """Add the rules of `rule-paths` to the shipped ones; return warnings of a cache that can't be written.

    Raises ConfigError for an entry that does not exist or holds no rule, CatalogueError for a rule that can't be used.
    """
    contents = [(shown, _read(path, shown)) for path, shown in _find(config)]
    folder = os.path.join(config.root, config.cache_dir) if cache else ""
    key = _key(contents)
    files = _remembered(folder, key, [shown for shown, _ in contents]) if folder else None
    known = files is not None
    if files is None:
        files = [parse_rule_file(data, shown) for shown, data in contents]
    _refuse_repeated(files, rules)
    rules.update({file.document["code"].strip(): make_rule(file.document, file.path) for file in files})
    if known:
        return ()
    for file in files:
        for violation in problems(file.document, rules, config.roles):
            raise file.error(*violation)
    return _remember(folder, key, files) if folder else ()


def _find(config: Config) -> list[tuple[str, str]]:
    """Return (absolute path, path as shown) of each rule file."""
    found: dict[str, str] = {}
    root = str(config.root)
    for entry in config.rule_paths:
        path = os.path.normpath(os.path.join(root, entry))
        if os.path.isfile(path):
            found[path] = _shown(path, root)
            continue
        if not os.path.isdir(path):
            hint = "a file or folder, relative to the project's root"
            raise error_at(config, "rule-paths", f"rule-paths: `{entry}` does not exist", item=entry, hint=hint)
        inside = []
        for parent, folders, names in os.walk(path):
            folders.sort()
            inside += [os.path.join(parent, name) for name in sorted(names) if name.endswith((".yaml", ".yml"))]
        if not inside:
            hint = "rules are files that end in .yaml"
            raise error_at(config, "rule-paths", f"rule-paths: `{entry}` holds no rule", item=entry, hint=hint)
        for file in inside:
            found[file] = _shown(file, root)
    return sorted(found.items(), key=lambda pair: pair[1])


def _shown(path: str, root: str) -> str:
    try:
        relative = os.path.relpath(path, root)
    except ValueError:  # another drive
        relative = path
    return relative.replace(os.sep, "/")


def _read(path: str, shown: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CatalogueError(shown, None, f"can't be read: {error.strerror or error}") from None


def _key(contents: list[tuple[str, bytes]]) -> str:
    from hashlib import blake2b

    made = blake2b(__version__.encode(), digest_size=16)
    for shown, data in contents:
        made.update(b"%s\0%d\0" % (shown.encode("utf-8", "surrogateescape"), len(data)))
        made.update(data)
    return made.hexdigest()


def _remembered(folder: str, key: str, shown: list[str]) -> list[RuleFile] | None:
    """Return what an earlier run has parsed; None where it doesn't fit in every respect."""
    import json

    try:
        with open(os.path.join(folder, _CACHE), encoding="utf-8") as file:
            stored = json.load(file)
        if stored["key"] != key or len(stored["rules"]) != len(shown):
            return None
        for document, name in zip(stored["rules"], shown, strict=True):
            check_document(document, name, {})
        return [RuleFile(name, document, {}) for document, name in zip(stored["rules"], shown, strict=True)]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, CatalogueError):
        return None


def _remember(folder: str, key: str, files: list[RuleFile]) -> tuple[str, ...]:
    """Store parsed rules, all or nothing; return warnings."""
    import json
    import tempfile

    try:
        text = json.dumps({"key": key, "rules": [file.document for file in files]})
    except (TypeError, ValueError):  # YAML knows dates, JSON doesn't
        return ()
    temporary = ""
    try:
        os.makedirs(folder, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=_CACHE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, os.path.join(folder, _CACHE))
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        return (f"the cache can't be written: {error.strerror or error}",)
    return ()


def _refuse_repeated(files: Iterable[RuleFile], shipped: Mapping[str, Rule]) -> None:
    """Raise CatalogueError for a code or a slug that is not the team's own, or not new."""
    codes = {code: rule.origin for code, rule in shipped.items()}
    slugs = {rule.slug: rule.origin for rule in shipped.values()}
    for file in files:
        code, slug = file.document["code"].strip(), file.document["slug"].strip()
        if code.startswith("OBS"):
            raise file.error(("code",), f"`code` is {code}; codes in OBS are obs-lint's own, take other letters")
        if code in codes:
            raise file.error(("code",), f"`code` {code} is used twice: also in {codes[code]}")
        if slug in slugs:
            raise file.error(("slug",), f"`slug` {slug} is used twice: also in {slugs[slug]}")
        codes[code] = slugs[slug] = file.path


def problems(document: Mapping[str, Any], rules: Mapping[str, Rule], roles: Collection[str]) -> list[Violation]:
    """Return what makes a rule unusable: an unknown check, option, role or message field."""
    from obs_lint.catalogue.message_fields import message_fields, template_problem
    from obs_lint.catalogue.options import OptionError, build
    from obs_lint.catalogue.schema import suggestion
    from obs_lint.checks import CHECKS, load

    found: list[Violation] = []
    name = document["check"]
    if name not in CHECKS:
        return [Violation(("check",), f"`check` names `{name}`, which is no check{suggestion(name, list(CHECKS))}")]
    for index, role in enumerate(document.get("leaves-alone", ())):
        if role not in roles:
            hint = suggestion(role, list(roles))
            found.append(Violation(("leaves-alone", index), f"`leaves-alone` names `{role}`, which is no role{hint}"))
    check = load(name)
    own, taken = _parted(document.get("with", {}))
    try:
        build(check.options, {**own, **{key: _taken(value, key, rules) for key, value in taken.items()}})
    except OptionError as error:
        place = ("with", *error.place)
        shown = ".".join(str(part) for part in place if isinstance(part, str))
        found.append(Violation(place, f"`{shown}` of `{name}`: {error.message}"))
    for key in ("message", "help"):
        problem = template_problem(document.get(key, ""), message_fields(name))
        if problem:
            found.append(Violation((key,), f"`{key}` {problem}"))
    return found


def _parted(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options that have a value, and those that take another rule's."""
    taken = {key: value for key, value in options.items() if is_reference(value)}
    return {key: value for key, value in options.items() if key not in taken}, taken


def _taken(value: Mapping[str, Any], key: str, rules: Mapping[str, Rule]) -> Any:
    """Look an option of another rule up, as the files have it. Raises OptionError."""
    from obs_lint.catalogue.options import OptionError, default
    from obs_lint.catalogue.schema import suggestion
    from obs_lint.checks import load

    seen: list[str] = []
    reference: Any = value
    option = key
    while is_reference(reference):
        named, option = reference["of"], reference.get("option", option)
        other = rules.get(named) or next((rule for rule in rules.values() if rule.slug == named), None)
        if other is None:
            raise OptionError((key,), f"is that of `{named}`, which is no rule{suggestion(str(named), list(rules))}")
        if f"{other.code}.{option}" in seen:
            raise OptionError((key,), f"refers back to itself: {' → '.join(seen)}")
        seen.append(f"{other.code}.{option}")
        try:
            reference = other.options[option] if option in other.options else default(load(other.check).options, option)
        except KeyError:
            raise OptionError((key,), f"is `{option}` of {other.code}, which has no such option") from None
    return reference
