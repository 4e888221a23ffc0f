"""`python -m latentmim`: the command line, where its script is not on the path."""

import sys

from latentmim.cli import main

sys.exit(main())
