"""`python -m obs_lint.integrations.github_action`: the step of the GitHub Action that checks."""

from __future__ import annotations

import sys

from obs_lint.integrations.github_action.step import main

if __name__ == "__main__":
    sys.exit(main())
