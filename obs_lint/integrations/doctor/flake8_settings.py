"""flake8's own settings that leave out our codes."""

from __future__ import annotations

import os
from collections.abc import Iterator

from obs_lint.integrations.doctor.obstacle import Obstacle, Repository, UnreadableError


def examine(repository: Repository) -> Iterator[Obstacle]:
    """Yield where `ignore` or `extend-ignore` of flake8 names our codes as a whole."""
    import configparser

    for folder in dict.fromkeys((repository.root, repository.top)):
        for name in ("setup.cfg", "tox.ini", ".flake8"):
            path = os.path.join(folder, name)
            text = repository.text(path)
            if text is None:
                continue
            parser = configparser.RawConfigParser()
            try:
                parser.read_string(text)
            except configparser.Error as error:
                what = " ".join(str(error).split())
                raise UnreadableError(f"{repository.shown(path)}: not valid: {what}") from None
            if parser.has_section("flake8"):
                yield from _of_section(dict(parser.items("flake8")), text, repository.shown(path), repository.codes)


def _of_section(values: dict[str, str], text: str, path: str, codes: tuple[str, ...]) -> Iterator[Obstacle]:
    for key, value in values.items():
        if key.replace("_", "-") not in ("ignore", "extend-ignore"):
            continue
        for selector in value.replace(",", " ").split():
            if selector and all(code.startswith(selector) for code in codes if code.startswith("OBS")):
                yield Obstacle(
                    "flake8-ignore",
                    path,
                    next((n for n, line in enumerate(text.splitlines(), 1) if line.strip().startswith(key)), 1),
                    f"flake8's `{key}` has {selector}: it shows nothing of what obs-lint finds",
                    f"take {selector} out; single rules are switched off by `ignore` under [tool.obs-lint]",
                )
