"""Paths as URI references (RFC 3986): relative, percent-encoded, whatever bytes a path consists of."""

from __future__ import annotations


def uri_of(path: str) -> str:
    """Return a path, relative with `/` or absolute, as a URI reference; bytes that are not UTF-8 stay what they are."""
    import os
    from urllib.parse import quote

    text = path.replace(os.sep, "/")
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte: a name from Windows
        data = text.encode("utf-8", "surrogatepass")
    encoded = quote(data, safe="/-._~!$&'()*+,;=@")
    if text.startswith("/"):
        return f"file://{encoded}"
    # `a:b/c` would be a scheme
    return f"./{encoded}" if "%3A" in encoded.partition("/")[0] else encoded
