"""What other linters can hold of OBS102, written as their configuration: for cross-checking one with the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from obs_lint.config.edit import key_text, value_text
from obs_lint.patterns import is_path_glob, names_match, path_matches

if TYPE_CHECKING:
    from obs_lint.config.model import Config
    from obs_lint.discovery import Discovery, ProjectFile


@dataclass(frozen=True, slots=True)
class Ban:
    """What OBS102 forbids in a project, and where it does not."""

    modules: tuple[str, ...]
    """Dotted names, sorted; each with all below it."""
    surface: tuple[str, ...]
    """As configured."""
    free: tuple[ProjectFile, ...]
    """Files of the surface and the wiring."""
    unguarded: tuple[str, ...]
    """Globs of files that the rule leaves alone or that per-file-ignores name, as gitignore has them."""
    files: tuple[ProjectFile, ...]
    """All files of the project."""
    exclude: tuple[str, ...] | None
    extend_exclude: tuple[str, ...]
    cannot: tuple[str, ...]
    """What no other linter can be told, in sentences."""

    def allows(self, file: ProjectFile) -> bool:
        """True for a file in which OBS102 finds nothing."""
        return file in self.free or any(path_matches(glob, file.path) for glob in self.unguarded)


def ban_of(config: Config) -> Ban:
    """Return what a configuration forbids. Raises ConfigError or CatalogueError; also where there is none."""
    from dataclasses import replace

    from obs_lint.catalogue import load_catalogue
    from obs_lint.checks.banned import Banned
    from obs_lint.config import ConfigError
    from obs_lint.config.model import wanting
    from obs_lint.discovery import discover

    if wanting(config):
        raise ConfigError(
            "there is no configuration, and nothing says what the surface is", hint="`obs-lint init` writes one"
        )
    discovery = discover(config)
    catalogue = load_catalogue(config)
    parts = (config, *(scope.config for scope in config.scopes))
    modules: set[str] = set()
    listed: dict[str, None] = {}
    for part in parts:
        settled = replace(part, logging=part.logging or "facade")
        rule = (catalogue if part is config else catalogue.for_config(part)).rules["OBS102"]
        options = rule.options
        banned = Banned.of(settled, options["modules"], options["library-modules"], discovery.files)
        modules |= banned.modules
        roots = {name.partition(".")[0] for name in banned.modules}
        listed |= dict.fromkeys(name for name in (*banned.listed, *options["allow"]) if name.partition(".")[0] in roots)
    rule = catalogue.rules["OBS102"]
    unguarded = [glob for role in rule.leaves_alone for glob in config.roles.get(role, ())]
    unguarded += catalogue.ignored.get("OBS102", ())
    return Ban(
        modules=tuple(sorted(modules)),
        surface=tuple(dict.fromkeys(pattern for part in parts for pattern in part.surface or ())),
        free=tuple(_free(config, discovery)),
        unguarded=tuple(dict.fromkeys(unguarded)),
        files=discovery.files,
        exclude=config.exclude,
        extend_exclude=config.extend_exclude,
        cannot=tuple(_cannot(config, listed)),
    )


def ruff(ban: Ban, *, pyproject: bool = False) -> str:
    """Return a ruff.toml, or the tables of a pyproject.toml, in which TID251 finds what OBS102 finds.

    ruff reports each use of a banned name as well as its import.
    """
    head = "tool.ruff." if pyproject else ""
    lines = [
        *_comments(
            ban,
            "#",
            "ruff, as far as it can hold OBS102: it reports each use of a banned name too (TID251), in types too, and",
            "does not follow re-exports, importlib or sys.modules.",
            *([] if pyproject else ["ruff check --config THIS_FILE"]),
        ),
        "",
    ]
    excludes = [("exclude", ban.exclude)] if ban.exclude is not None else []
    excludes += [("extend-exclude", ban.extend_exclude)] if ban.extend_exclude else []
    if excludes:
        lines += [f"[{head.rstrip('.')}]"] if pyproject else []
        lines += [*(f"{key} = {value_text(list(globs or ()))}" for key, globs in excludes), ""]
    lines += [
        f"[{head}lint]",
        'extend-select = ["TID251"]' if pyproject else 'select = ["TID251"]',
        'external = ["OBS"]  # without it, RUF100 and RUF102 delete `# noqa: OBS102`',
        "",
        f"[{head}lint.flake8-tidy-imports.banned-api]",
        *(f"{value_text(module)}.msg = {value_text(_advice(ban))}" for module in ban.modules),
    ]
    globs = [
        *(_escaped_glob(glob) for glob in _folders_and_files(ban.free, ban.files)),
        *_globs_for_ruff(ban.unguarded),
    ]
    if globs:
        lines += ["", f"[{head}lint.per-file-ignores]"]
        lines += [f'{key_text(glob)} = ["TID251"]' for glob in dict.fromkeys(globs)]
    return "\n".join(lines) + "\n"


def flake8(ban: Ban) -> str:
    """Return the configuration with which flake8-tidy-imports (I251) finds what OBS102 finds; for .flake8 or
    setup.cfg.
    """
    lines = [
        *_comments(
            ban,
            "#",
            "flake8-tidy-imports in flake8, as far as it can hold OBS102: imports of banned modules (I251), types too",
            "The plugin of obs-lint itself needs none of this: flake8 --select OBS",
        ),
        "[flake8]",
        "extend-select = I251",
        *_flake8_list("exclude", ban.exclude),
        *_flake8_list("extend-exclude", ban.extend_exclude),
        "banned-modules =",
        *(f"    {module}.* = {_advice(ban)}" for module in ban.modules),
    ]
    globs = [glob for path in _folders_and_files(ban.free, ban.files) for glob in _for_fnmatch(_escaped_glob(path))]
    globs += [glob for pattern in ban.unguarded for glob in _for_fnmatch(pattern)]
    if globs:
        lines += ["per-file-ignores =", *(f"    {glob}: I251" for glob in dict.fromkeys(globs))]
    return "\n".join(lines) + "\n"


def import_linter(ban: Ban) -> str:
    """Return a `[tool.importlinter]` with a `forbidden` contract. Raises ConfigError where there is no package."""
    from obs_lint.config import ConfigError

    packages = _root_packages(ban.files)
    if not packages:
        raise ConfigError("no folder of this project is a package with an __init__.py; import-linter sees no others")
    modules = {file.path: name for file in ban.files if (name := _module(file, packages))}
    roots = [name for name in ban.modules if "." not in name]
    inner = [name for name in ban.modules if "." in name]
    notes = [f"import-linter can't forbid a part of an external package: {', '.join(inner)}."] if inner else []
    if ban.exclude is not None or ban.extend_exclude:
        notes.append("Files that obs-lint excludes are not left out here.")
    if outside := sum(file.path not in modules and not file.path.endswith(".ipynb") for file in ban.files):
        notes.append(f"{outside} files are in no package, where import-linter does not see them.")
    if paths := [
        path for path in dict.fromkeys(file.source_root for file in ban.files if file.path in modules) if path
    ]:
        notes.append(f"The packages are found with PYTHONPATH={os.pathsep.join(('.', *paths))}.")
    if not roots:
        raise ConfigError(f"nothing is left to be forbidden: {' '.join(notes)}")
    allowed = {modules[file.path] for file in ban.files if file.path in modules and ban.allows(file)}
    ignored = _expressions(allowed, set(modules.values()))
    lines = [
        *_comments(
            ban,
            "#",
            "import-linter, as far as it can hold OBS102; a library that is imported nowhere is kept without a word.",
            '`type = "single_observability_surface"` says all of it: see docs/import-linter.md of obs-lint.',
            *notes,
        ),
        "[tool.importlinter]",
        f"root_packages = {value_text(packages)}",
        "include_external_packages = true",
        "",
        "[[tool.importlinter.contracts]]",
        f"name = {value_text(f'Telemetry leaves through {_surface(ban)}')}",
        'type = "forbidden"',
        f"source_modules = {value_text(packages)}",
        "forbidden_modules = [",
        *(f"    {value_text(name)}," for name in roots),
        "]",
    ]
    if ignored:
        lines += ["ignore_imports = [", *(f"    {value_text(f'{name} -> *')}," for name in ignored), "]"]
        lines.append('unmatched_ignore_imports_alerting = "none"')
    return "\n".join(lines) + "\n"


WRITERS: Mapping[str, Callable[[Ban], str]] = {"ruff": ruff, "flake8": flake8, "import-linter": import_linter}
"""By the name of the tool."""


def _free(config: Config, discovery: Discovery) -> Iterator[ProjectFile]:
    """Yield the files of the surface and the wiring that hold for them."""
    from obs_lint.config import config_for

    for file in discovery.files:
        own = config_for(config, file.path)
        surface = any(names_match(pattern, file.names) for pattern in own.surface or ())
        if surface or any(
            path_matches(pattern, file.path) if is_path_glob(pattern) else names_match(pattern, file.names)
            for pattern in own.wiring
        ):
            yield file


def _cannot(config: Config, listed: Iterable[str]) -> Iterator[str]:
    """Yield what OBS102 lets pass and what is configured by part, which the others have no words for."""
    if names := ", ".join(listed):
        yield f"Free for obs-lint, since the configuration lists it, and not for this: {names}."
    if config.scopes:
        yield "What scopes ban is banned everywhere here; their surfaces are free."


def _comments(ban: Ban, mark: str, *lines: str) -> Iterator[str]:
    for line in ("Written by `obs-lint export`: an equivalent to check the one with the other.", *lines, *ban.cannot):
        yield f"{mark} {line}"


def _surface(ban: Ban) -> str:
    return ", ".join(ban.surface) or "nothing: there is no surface"


def _advice(ban: Ban) -> str:
    return f"Emit through {ban.surface[0]}." if ban.surface else "This project has no telemetry."


def _folders_and_files(chosen: Collection[ProjectFile], every: Collection[ProjectFile]) -> tuple[str, ...]:
    """Return the files as few paths: a package all of whose files are meant as `folder/**`, in the order of paths."""
    wanted = {file.path for file in chosen}
    folders: dict[str, bool] = {}
    for file in every:
        folder = file.path
        while folder:
            folder = folder.rpartition("/")[0]
            folders[folder] = folders.get(folder, True) and file.path in wanted
    packages = {file.path.rpartition("/")[0] for file in chosen if file.is_package}
    whole = {folder for folder in packages if folder and folders[folder]}

    def outermost(path: str) -> str:
        parts = path.split("/")
        found = next((p for n in range(1, len(parts)) if (p := "/".join(parts[:n])) in whole), "")
        return f"{found}/**" if found else path

    return tuple(dict.fromkeys(outermost(file.path) for file in chosen))


def _escaped_glob(path: str) -> str:
    """Write a path as a glob; the stars of a whole folder at its end stay."""
    body, stars = (path[:-3], "/**") if path.endswith("/**") else (path, "")
    return "".join(f"[{char}]" if char in "*?[{" else char for char in body) + stars


def _globs_for_ruff(globs: Iterable[str]) -> Iterator[str]:
    """For ruff, which compares a glob with the whole path or the file's name; without a slash it may be a folder's."""
    for glob in globs:
        plain = glob.rstrip("/").removeprefix("/")
        yield plain
        if "/" not in glob.rstrip("/"):
            yield f"**/{plain}/**"
        elif not plain.endswith((".py", ".pyi", ".ipynb", "**")):
            yield f"{plain}/**"


def _for_fnmatch(glob: str) -> Iterator[str]:
    """flake8's globs: a star goes over slashes, the list is separated by blanks and commas, a colon ends a path."""
    anchored = "/" in glob.rstrip("/")
    plain = glob.rstrip("/").removeprefix("/")
    for char in " ,:\t\n":
        plain = plain.replace(char, "?")
    plain = plain[:-3] + "/*" if plain.endswith("/**") else plain
    variants = [plain]
    if plain.startswith("**/"):
        variants = [plain.removeprefix("**/"), f"*/{plain.removeprefix('**/')}"]
    elif not anchored:
        variants = [plain, f"*/{plain}", f"{plain}/*", f"*/{plain}/*"]
    elif not plain.endswith(("*", ".py", ".pyi")):
        variants = [plain, f"{plain}/*"]
    for variant in variants:
        # A name without a slash is not made absolute, and flake8 then compares the file's name alone.
        yield variant.replace("**/", "*").replace("**", "*")


def _flake8_list(key: str, globs: Iterable[str] | None) -> list[str]:
    found = [each for glob in globs or () for each in _for_fnmatch(glob)]
    return [f"{key} =", *(f"    {each}," for each in dict.fromkeys(found))] if found else []


def _root_packages(files: Iterable[ProjectFile]) -> list[str]:
    """The outermost packages, by the names under which the project imports them, without those that are tests."""
    folders = {file.path.rpartition("/")[0]: file for file in files if file.is_package}
    found: dict[str, None] = {}
    for folder, file in sorted(folders.items()):
        if not folder or folder.rpartition("/")[0] in folders or file.roles & {"tests", "examples"}:
            continue
        found[_importable(file)] = None
    return [name for name in found if all(part.isidentifier() for part in name.split("."))]


def _importable(file: ProjectFile) -> str:
    """The name from the file's own source root."""
    path = file.path.removeprefix(f"{file.source_root}/") if file.source_root else file.path
    stem = path.rpartition("/")[0] if file.is_package else path.rpartition(".")[0]
    return stem.replace("/", ".")


def _module(file: ProjectFile, packages: Iterable[str]) -> str:
    """The name of a module that lies in one of the packages, "" elsewhere."""
    name = _importable(file)
    inside = not file.path.endswith(".ipynb") and any(name == root or name.startswith(root + ".") for root in packages)
    return name if inside else ""


def _expressions(chosen: Collection[str], every: Collection[str]) -> list[str]:
    """Return module expressions for the chosen modules: a package all of whose modules are meant is `name.**` too."""
    found: dict[str, None] = {}
    for name in sorted(chosen):
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            outer = ".".join(parts[:length])
            below = [other for other in every if other.startswith(outer + ".")]
            if outer in chosen and all(other in chosen for other in below):
                found[outer] = None
                if below:
                    found[f"{outer}.**"] = None
                break
    return list(found)


__all__: Sequence[str] = ["WRITERS", "Ban", "ban_of", "flake8", "import_linter", "ruff"]
