"""python -m acl: see acl.cli.entry."""

import sys

from acl.cli import main

sys.exit(main())
