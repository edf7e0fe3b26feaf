"""Makes wheels of what is installed, so that pip installs without a network what a package index would give."""

from __future__ import annotations

import re
import zipfile
from importlib import metadata
from pathlib import Path


def fill(folder: Path, *names: str) -> None:
    """Write wheels of these distributions and of all that they need into a folder."""
    from packaging.requirements import Requirement

    waiting, seen = list(names), set[str]()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        found = metadata.distribution(name)
        _pack(found, folder)
        for text in found.requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def _pack(found: metadata.Distribution, folder: Path) -> None:
    (tag, *_) = re.findall(r"^Tag: (\S+)", found.read_text("WHEEL") or "", re.MULTILINE)
    stem = re.sub(r"[-_.]+", "_", found.metadata["Name"]) + f"-{found.version}"
    with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w") as wheel:
        for file in found.files or ():
            if (
                ".." not in file.parts
                and file.suffix != ".pyc"
                and file.name not in ("INSTALLER", "REQUESTED", "RECORD")
            ):
                wheel.write(file.locate(), str(file).replace("\\", "/"))
        record = next(str(file) for file in found.files or () if file.name == "RECORD")
        wheel.writestr(record, "".join(f"{name},,\n" for name in wheel.namelist()))
