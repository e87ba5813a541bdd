"""What is forgetting, and what can labels do about it? Ten minutes, five chapters."""

from __future__ import annotations

from acl.config import UserError
from app import errors
from app.lesson import page as lesson
from app.store.session import ensure_backend

try:
    ensure_backend()
except UserError as error:
    errors.show(error)
lesson.page()
