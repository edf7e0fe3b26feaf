"""Where `extends` leads: a shipped preset, a file, an installed package that is not imported for it."""

from __future__ import annotations

import os

from obs_lint.config.find import FILE_NAME, posix, under


def presets() -> tuple[str, ...]:
    """Names of the shipped presets, sorted."""
    try:
        names = os.listdir(_presets_folder())
    except OSError:
        return ()
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def _presets_folder() -> str:
    return os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "presets")


class Target:
    """Where one entry of `extends` leads."""

    __slots__ = ("file", "name", "shipped")

    def __init__(self, file: str, name: str, *, shipped: bool = False) -> None:
        self.file = file
        """Absolute path."""
        self.name = name
        """As provenance shows it."""
        self.shipped = shipped


class NotFoundError(Exception):
    """An entry of `extends` that leads nowhere: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def target(entry: str, folder: str, root: str, environment: str | None) -> Target:
    """Find what an entry of `extends` in a file in `folder` means. Raises NotFoundError."""
    if entry.startswith("package:"):
        return _package(entry.removeprefix("package:").strip(), root, environment)
    if "/" in entry or "\\" in entry or entry.endswith((".toml", ".yaml", ".yml")):
        path = os.path.normpath(os.path.join(folder, entry.replace("\\", "/")))
        if not os.path.isfile(path):
            raise NotFoundError(
                "does not exist" if not os.path.isdir(path) else "is a folder", f"looked for {posix(path)}"
            )
        if not path.endswith((".toml", ".yaml", ".yml")):
            raise NotFoundError("is neither TOML nor YAML", "the name ends in .toml, .yaml or .yml")
        return Target(path, under(path, root))
    known = presets()
    if entry in known:
        return Target(os.path.join(_presets_folder(), f"{entry}.toml"), f"preset {entry}", shipped=True)
    from obs_lint.config.suggest import nearest as nearest_word

    guess = nearest_word(entry, known)
    if guess:
        raise NotFoundError("is no shipped preset", f'did you mean "{guess}"? there are {", ".join(known)}')
    there = f"there are {', '.join(known)}" if known else "none is shipped"
    raise NotFoundError("is no shipped preset", f"{there}; a file needs its ending, a package the prefix package:")


def _package(name: str, root: str, environment: str | None) -> Target:
    """Find obs-lint.toml in an installed package without importing it."""
    folders = package_folders(name, root, environment)
    for folder in folders:
        file = os.path.join(folder, FILE_NAME)
        if os.path.isfile(file):
            return Target(os.path.abspath(file), f"package:{name}")
    if not folders:
        raise NotFoundError("is a module, not a package", f"it has no folder for {FILE_NAME}")
    raise NotFoundError(f"has no {FILE_NAME}", f"looked in {posix(folders[0])}")


def package_folders(name: str, root: str, environment: str | None) -> list[str]:
    """Return the folders of an installed package, [] for a plain module. Nothing is imported. Raises NotFoundError."""
    if not name or any(not part.isidentifier() for part in name.split(".")):
        raise NotFoundError("names no package", "write package:name, with dots for subpackages")
    searched: list[str] = []
    for paths in _search_paths(root, environment):
        searched += paths or ["sys.path"]
        locations = _locations(name, paths)
        if locations is not None:
            return locations
    where = ", ".join(posix(path) for path in dict.fromkeys(searched))
    raise NotFoundError(
        "is not installed", f"looked in {where}" + ("" if environment else "; `environment` names others")
    )


def _search_paths(root: str, environment: str | None) -> list[list[str] | None]:
    """Lists of folders to look in, in turn; None is sys.path and its finders."""
    if environment is None:
        return [None]
    base = os.path.join(root, environment)
    if not os.path.isdir(base):
        raise NotFoundError("can't be looked for", f'environment = "{environment}" is no folder')
    return [site_packages(base), None]


def site_packages(environment: str) -> list[str]:
    """Return the folders of installed packages in a virtual environment, those that .pth files add included."""
    found = [os.path.join(environment, "Lib", "site-packages")]
    lib = os.path.join(environment, "lib")
    try:
        names = sorted(os.listdir(lib), reverse=True)
    except OSError:
        names = []
    found += [os.path.join(lib, name, "site-packages") for name in names if name.startswith("python")]
    found = [path for path in found if os.path.isdir(path)] or [environment]
    out: list[str] = []
    for path in found:
        out.append(path)
        try:
            links = sorted(name for name in os.listdir(path) if name.endswith(".pth"))
        except OSError:
            continue
        for link in links:
            try:
                with open(os.path.join(path, link), encoding="utf-8", errors="replace") as stream:
                    lines = stream.read().splitlines()
            except OSError:
                continue
            for line in lines:
                added = os.path.join(path, line.strip())
                if line.strip() and not line.startswith(("import ", "import\t", "#")) and os.path.isdir(added):
                    out.append(added)
    return out


def _locations(name: str, paths: list[str] | None) -> list[str] | None:
    """Folders of a package: [] for a plain module, None where it is not installed. Nothing is imported."""
    import sys
    from importlib.machinery import ModuleSpec, PathFinder

    spec: ModuleSpec | None = None
    done = ""
    for part in name.split("."):
        done = f"{done}.{part}" if done else part
        try:
            if spec is None and paths is None:
                for finder in sys.meta_path:
                    spec = finder.find_spec(done, None)
                    if spec is not None:
                        break
            else:
                spec = PathFinder.find_spec(done, paths)
        except (ImportError, ValueError, AttributeError, OSError):
            return None
        if spec is None:
            return None
        paths = list(spec.submodule_search_locations or [])
    return paths
