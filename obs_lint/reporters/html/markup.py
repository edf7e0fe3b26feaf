r"""Text as HTML: escaped, and visible where it would be deceiving.

Paths, messages, sources and names of events come from whoever wrote the code. Each goes through `text`: control
characters, direction marks and lone surrogates are written as in a Python literal, then `&<>"'` as references. The page
as a whole is ASCII, so that no stream's encoding can spoil it.
"""

from __future__ import annotations

from html import escape
from typing import Any

from obs_lint.reporters.text import one_line, visible

LONGEST = 2000
"""Characters of one text that a page shows."""


def text(value: str, longest: int = LONGEST) -> str:
    """Return a text on one line, escaped for an element's content and for a quoted attribute."""
    return escape(visible(cut(value, longest)))


def prose(value: str) -> str:
    """Return a paragraph, escaped, with what stands in backticks as code."""
    parts = one_line(cut(value)).split("`")
    if len(parts) % 2 == 0:  # a backtick without its partner is a character like any other
        parts[-2:] = [f"{parts[-2]}`{parts[-1]}"]
    return "".join(f"<code>{escape(part)}</code>" if index % 2 else escape(part) for index, part in enumerate(parts))


def cut(value: str, longest: int = LONGEST) -> str:
    """Return a text, the start of it where it is longer than a page can bear."""
    return value if len(value) <= longest else value[: longest - 1] + "…"


def link(url: str) -> str:
    """Return a URL escaped for a quoted attribute; "" for one that is no web address."""
    return escape(visible(url)) if url.startswith(("https://", "http://")) else ""


def query(**values: str) -> str:
    """Return a link to a state of the page, `#rule=OBS102`, escaped for a quoted attribute."""
    from urllib.parse import quote

    return escape("#" + "&".join(f"{key}={quote(visible(value), safe='')}" for key, value in values.items()))


def data(value: Any) -> str:
    """Return JSON for a script element of a type that nothing executes: ASCII without `<`, `>` and `&`."""
    from json import dumps

    written = dumps(value, ensure_ascii=True, separators=(",", ":"))
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def ascii_only(page: str) -> str:
    """Return a page with characters beyond ASCII as references. Its scripts and styles must be ASCII already."""
    return page.encode("ascii", "xmlcharrefreplace").decode("ascii")
