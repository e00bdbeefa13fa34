"""python -m streamer: the command `lipcast`."""

import sys

from streamer.cli import main

sys.exit(main())
