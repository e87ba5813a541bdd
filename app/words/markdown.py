"""The door for what others wrote."""

from __future__ import annotations

import re

from acl.names import printable


def plain(text: str) -> str:
    """`text` for Markdown, printable and with nothing in it that Markdown would read: for whatever others wrote.

    Whatever a page shows of a file, a link or an input goes through here (tests/test_foreign_text.py looks).
    """
    escaped = re.sub(r"([\\`*_{}\[\]<>$~:#|!&@^+])", r"\\\1", printable(text))
    escaped = re.sub(r"^(\d*)([-=.)])", r"\1\\\2", escaped)  # a list, at the beginning of a line
    # Addresses, :icons: and :emoji: are looked for after escapes are gone: an invisible joiner parts them.
    return re.sub(r"(:(?=//|[a-z][\w/\\+-]*:)|@(?=\w)|www(?=\.))", "\\1\u2060", escaped)
