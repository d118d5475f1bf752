#!/usr/bin/env python3
"""One entry point for everything a developer does: `python3 run.py --help`.

Standard library only. This file keeps to a syntax that every Python parses, so that an old one can say what is
wrong; all the rest lives in deploy/.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is the very check
    sys.exit(
        "URM needs Python 3.11 or newer, but this is Python %d.%d (%s).\n"  # noqa: UP031
        "Try: python3.11 run.py (or python3.12, python3.13); on Debian or Ubuntu: apt install python3"
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

from deploy.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
