"""python -m acl: see acl.cli."""

import sys

from acl.cli import main

sys.exit(main())
