"""`python -m maskscope`: the command, where its folder is not on the PATH."""

import sys

from maskscope.command import main

if __name__ == "__main__":
    sys.exit(main())
