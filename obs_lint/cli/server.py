"""`obs-lint server`: the language server, on stdin and stdout or on a socket."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `obs-lint server` takes."""
    parser.add_argument("--stdio", action="store_true", help="talk over stdin and stdout (the default)")
    parser.add_argument("--tcp", type=_address, metavar="HOST:PORT", help="wait for one client there instead")


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) < 65536:
        raise ArgumentTypeError(f"{text!r} is not HOST:PORT, as in 127.0.0.1:7070")
    return host.strip("[]"), int(port)


def run(args: Namespace) -> int:
    """Serve until the client says `exit`; returns 0 where it said `shutdown` before, 1 where not, 2 where it can't be
    served at all.
    """
    import gc
    import os

    from obs_lint.cli import fail

    if args.stdio and args.tcp is not None:
        return fail("--stdio and --tcp exclude each other")
    try:
        from obs_lint.integrations.language_server.server import make_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        return fail('the language server needs pygls: `pip install "obs-lint[server]"`')
    gc.enable()
    # Messages of the configuration show paths relative to here: the top keeps them from meaning another file.
    os.chdir(os.path.abspath(os.sep))
    server = make_server()
    if args.tcp is not None:
        try:
            server.start_tcp(*args.tcp)
        except OSError as error:
            return fail(f"can't listen on {args.tcp[0]}:{args.tcp[1]}: {error.strerror or error}")
        except SystemExit:
            pass
    else:
        stream = sys.stdout.buffer
        sys.stdout = sys.stderr
        server.start_io(sys.stdin.buffer, stream)
    server.session.end()
    return 0 if server.is_shut_down else 1
