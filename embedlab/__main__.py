"""python -m embedlab: the same lab without a screen."""

import sys

from embedlab.cli import main

sys.exit(main())
