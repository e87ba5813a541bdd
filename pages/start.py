"""What shall be run, or looked at?"""

from __future__ import annotations

from acl.config import UserError
from app import errors
from app.new_run import page as start
from app.store.session import ensure_backend

try:
    ensure_backend()
except UserError as error:
    errors.show(error)
start.page()
