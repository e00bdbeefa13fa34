"""python -m lipcast: the command `lipcast`."""

import sys

from lipcast.cli import main

sys.exit(main())
