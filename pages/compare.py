"""Which strategy learns, forgets and keeps how much, and how sure is that?"""

from __future__ import annotations

from acl.config import UserError
from app import errors
from app.compare import page as arena
from app.store.session import ensure_backend

try:
    ensure_backend()
except UserError as error:
    errors.show(error)
arena.page()
