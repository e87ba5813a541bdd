"""python -m acl: see acl.cli.commands."""

import sys

from acl.cli.commands import main

sys.exit(main())
