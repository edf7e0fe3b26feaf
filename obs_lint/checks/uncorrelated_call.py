"""Reports HTTP calls to internal hosts that carry no correlation header."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_lint.checks import Check
from obs_lint.checks.correlation_fields import canonical, expected
from obs_lint.checks.run import Anchor, RuleRun
from obs_lint.config.model import Config
from obs_lint.correlation import anchors as hop_anchors
from obs_lint.correlation import hops
from obs_lint.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Options:
    """`uncorrelated-call` takes none: the hosts are `correlation.internal-hosts`."""


def anchors(_: Options, config: Config) -> tuple[Anchor, ...]:
    """Files that import an HTTP library, or that may make one carry ids."""
    return hop_anchors(config, ("http",))


def run(run: RuleRun[Options]) -> Iterator[Diagnostic]:
    """One diagnostic a call, at its callee."""
    found = hops(run.project, run.config, canonical(run.project, run.config))
    wanted = expected(run.project, run.config)
    for path in found.files(run.files, ("http",)):
        for hop in found.in_file(path, ("http",)):
            if hop.internal and hop.complete and not hop.carries:
                callee = hop.call[1]
                yield run.report(
                    run.project.files[path],
                    callee[-1],
                    target=f"{hop.library}:{hop.target}",
                    scope=hop.scope,
                    library=hop.library,
                    host=hop.target,
                    header=wanted.header,
                )


CHECK = Check("uncorrelated-call", Options, run, anchors)
