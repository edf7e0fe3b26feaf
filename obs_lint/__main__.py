"""`python -m obs_lint`."""

import sys

from obs_lint.cli import main

if __name__ == "__main__":
    sys.exit(main())
