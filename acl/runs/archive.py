"""A run as one zip that travels: facts, models, snapshots and pictures out; only what is known and harmless in.

Nothing in an archive is believed: names are checked before anything is written, sizes while it is read, contents
before the run is seen.
"""

from __future__ import annotations

import errno
import io
import re
import secrets
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from acl.config import UserError, read_config
from acl.events import Bought, History, Remembered, Started
from acl.runs.control import State, Status, write_status
from acl.runs.damage import unreadable
from acl.runs.folder import ID, Run, check_folder
from acl.system.files import disk_trouble

if TYPE_CHECKING:
    from numpy import ndarray

KNOWN = re.compile(
    r"config\.json|events\.jsonl|summary\.json|thumbs\.safetensors|tasks/\d{2,3}/base\.safetensors"
    r"|predictions/\d{2,3}-\d{2,3}\.safetensors"
    r"|queries/\d{2,3}-\d{2,3}\.(safetensors|parquet|umap\.parquet|umap-fisher\.parquet|outcomes\.jsonl)",
    re.ASCII,
)
# Also within a name, such as model.pth.tar or weights.pkl/data.
PICKLES = re.compile(r"\.(pkl|pickle|pt|pth|bin|npy|npz|joblib|dill)([./]|$)", re.IGNORECASE)
MOST_ENTRIES = 20_000
MOST_BYTES = 8 * 2**30
MOST_RATIO, RATIO_FROM = 200, 2**20
MOST_PIXELS = 64
CHUNK = 2**20
MOST_SAID = 200
DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, OverflowError, RuntimeError,
    LookupError, TypeError, AttributeError,
)  # fmt: skip
"""What zipfile raises over damaged bytes."""
EPOCH = (1980, 1, 1, 0, 0, 0)


# -- out -----------------------------------------------------------------------------------------------


def export(run: Run, target: Path | io.BytesIO) -> None:
    """Write the run as a zip: the same run gives the same bytes. Of a run under way what is finished is taken.

    Without pictures of its own, those of every sample it names are taken from its dataset, made small, if that is
    on this machine. UserError for what cannot be read, OSError for a target that cannot be written.
    """
    run.config  # noqa: B018 - an unreadable run is said before anything is written
    with disk_trouble("The run", run.path):
        paths = sorted(p for p in run.path.rglob("*") if p.is_file())
    with zipfile.ZipFile(target, "w") as archive:
        for path in paths:
            name = path.relative_to(run.path).as_posix()
            if KNOWN.fullmatch(name):
                with disk_trouble("The file", path):
                    content = path.read_bytes()
                # A worker or a measurer may be writing: only whole lines are facts.
                whole = content.rfind(b"\n") + 1 if name.endswith(".jsonl") else len(content)
                _add(archive, f"{run.id}/{name}", content[:whole])
        if not run.thumbs.exists() and (pictures := _pictures(run)):
            _add(archive, f"{run.id}/{run.thumbs.name}", pictures)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED if name.endswith((".json", ".jsonl")) else zipfile.ZIP_STORED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _pictures(run: Run) -> bytes:
    """A thumbs.safetensors of every sample the run names; empty where its dataset is not here."""
    import numpy as np
    from safetensors.numpy import save

    from acl.plugins.registry import prepare

    try:
        stream = prepare(run.config)
    except UserError:
        return b""
    ids = np.array(sorted(_named(run)), dtype=np.int64)
    return save({"ids": ids, "images": small(stream.images[ids]), "labels": stream.labels[ids]})


def _named(run: Run) -> set[int]:
    """Ids of every sample bought, remembered, or in a snapshot."""
    import numpy as np
    from safetensors import SafetensorError, safe_open

    history = run.history()
    found = {i for event in history.of(Bought) for i in event.ids}
    found |= {i for event in history.of(Remembered) for i in event.ids}
    for path in sorted((run.path / "queries").glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:
                for role in ("pool", "labelled", "memory"):
                    found |= set(np.asarray(file.get_tensor(f"{role}.ids")).tolist())
        except SafetensorError:
            continue  # a damaged snapshot names nobody
    return found


def small(images: ndarray) -> ndarray:
    """At most MOST_PIXELS a side."""
    import numpy as np
    from PIL import Image

    height, width = images.shape[1:3]
    if max(height, width) <= MOST_PIXELS:
        return images
    scale = MOST_PIXELS / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    gray = images.shape[3] == 1
    shrunk = [np.asarray(Image.fromarray(i[..., 0] if gray else i).resize(size)) for i in images]
    return np.stack(shrunk).reshape(len(images), size[1], size[0], images.shape[3])


# -- in ------------------------------------------------------------------------------------------------


def import_run(source: Path | io.BytesIO, runs: Path) -> Run:
    """Unpack a run into `runs`: there at once and whole, or not at all. UserError for everything that is not what
    `export` writes, above all for what could harm."""
    check_folder(runs)
    with _opened(source) as file:
        with _damage():
            archive = zipfile.ZipFile(file)
        with archive:
            id_, entries = _checked(archive, file.seek(0, io.SEEK_END))
            draft = runs / f".import-{secrets.token_hex(4)}"
            with disk_trouble("The runs folder", runs):
                try:
                    for name, entry in entries.items():
                        _unpack(archive, entry, draft / name)
                    history = _check_run(Run(draft))
                    if history.started:
                        write_status(draft, _status(history, history.started))
                    target = runs / _free_id(id_, runs)
                    draft.rename(target)
                finally:
                    shutil.rmtree(draft, ignore_errors=True)
    return Run(target)


@contextmanager
def _opened(source: Path | io.BytesIO) -> Iterator[BinaryIO]:
    if isinstance(source, io.BytesIO):
        yield source
        return
    with disk_trouble("The archive", source), source.open("rb") as file:
        yield file


@contextmanager
def _damage() -> Iterator[None]:
    """One sentence for all that zipfile raises where bytes are not what they should be: its own errors, and those of
    the numbers it believes in."""
    try:
        yield
    except DAMAGED as error:
        if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
            raise
        why = " ".join(str(error).split())[:MOST_SAID] or type(error).__name__
        raise UserError(f"This is not a zip that can be read ({why}): export the run again.") from None


def _checked(archive: zipfile.ZipFile, size: int) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """The run's id, and the entries to unpack by their path inside the run; size: of the archive, in bytes."""
    infos = archive.infolist()
    if len(infos) > MOST_ENTRIES:
        raise UserError(f"The archive holds {len(infos):,} entries, more than {MOST_ENTRIES:,}: this is no run.")
    total = sum(info.file_size for info in infos)
    if total > MOST_BYTES:
        raise UserError(f"The archive unpacks to more than {MOST_BYTES // 2**30} GiB: this is no run.")
    # Of the bytes that are there, not of those that the entries claim: these may share them.
    if total > RATIO_FROM and total > MOST_RATIO * size:
        raise UserError(f"The archive unpacks to {total:,} bytes from {size:,}: this is no run.")
    if sum(info.compress_size for info in infos) > size:
        raise UserError("The archive's entries are longer than the archive: export the run again.")
    for info in infos:
        _check_entry(info)
    names = [info.filename.rstrip("/").casefold() for info in infos]
    if len(set(names)) < len(names):
        raise UserError("The archive holds a name twice: this is no run.")
    tops = {PurePosixPath(info.filename).parts[0] for info in infos}
    if len(tops) != 1 or not ID.fullmatch(top := next(iter(tops))):
        raise UserError("The archive must hold one folder, named like a run: export the run again.")
    inside = {info.filename.removeprefix(f"{top}/"): info for info in infos if not info.is_dir()}
    if "config.json" not in inside:
        raise UserError("The archive holds no config.json: this is no run.")
    return top, {name: info for name, info in inside.items() if KNOWN.fullmatch(name)}


def _check_entry(info: zipfile.ZipInfo) -> None:
    # ZipInfo cuts a name at a zero byte: orig_filename is what stands in the file.
    name, mode = info.orig_filename, info.external_attr >> 16
    shown = repr(name[:80])
    parts = name.removesuffix("/").split("/")
    if any(sign in name for sign in "\\:\0") or not all(parts) or {"..", "."} & set(parts):
        raise UserError(f"The archive holds the path {shown}, which leads out of the run: it is refused.")
    if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_IFMT(mode) == 0):
        raise UserError(f"The archive holds {shown}, which is a link or a device: it is refused.")
    if info.flag_bits & 0x1:
        raise UserError("The archive is encrypted: export the run without a password.")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise UserError(f"The archive holds {shown}, packed in a way that no export uses: export the run again.")
    if PICKLES.search(name):
        raise UserError(f"The archive holds {shown}, which may be a pickle, and a pickle can run code: it is refused.")
    if info.file_size > RATIO_FROM and info.file_size > MOST_RATIO * max(info.compress_size, 1):
        raise UserError(f"The archive holds {shown}, which unpacks to {info.file_size:,} bytes from almost nothing.")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("wb") as file:
        for chunk in _content(archive, entry):
            if size == 0 and _is_pickle(chunk):
                raise UserError(f"{entry.filename} holds a pickle, which can run code: the archive is refused.")
            size += len(chunk)
            file.write(chunk)
    if size != entry.file_size:
        raise UserError(f"{entry.filename} is not as long as the archive says: it is refused.")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with _damage(), archive.open(entry) as packed:
        while chunk := packed.read(CHUNK):
            yield chunk


def _is_pickle(start: bytes) -> bool:
    """A pickle, or a zip around one as torch writes it. A safetensors file may begin with the same two bytes (the
    length of its header), but has a brace at byte 8."""
    return start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in b"\2\3\4\5" and start[8:9] != b"{")


def _check_run(run: Run) -> History:
    """Everything opens: settings of a version that can be read, events, tensors, tables. What the events say."""
    try:
        read_config(run.path / "config.json")
        history = run.history()
        if not history.rows and run.events.exists() and run.events.stat().st_size:
            raise UserError("events.jsonl holds no event that can be read.")
    except UserError as error:
        raise UserError(f"The archive is refused: {_inside(str(error), run)}") from None
    for path in sorted([*run.path.rglob("*.safetensors"), *run.path.rglob("*.parquet")]):
        if why := unreadable(path):
            raise UserError(f"{path.relative_to(run.path)} in the archive is damaged ({why}): export again.")
    return history


def _status(history: History, began: Started) -> Status:
    """No worker of this machine has said anything of the run: its events say how far it came."""
    state: State = "finished" if history.finished else "stopped"
    return Status(state, device=began.device, progress=len(history.finals()) / len(began.tasks))


def _inside(sentence: str, run: Run) -> str:
    return sentence.replace(f"{run.path}/", "").replace(str(run.path), "the archive")


def _free_id(id_: str, runs: Path) -> str:
    """The run's own id, or where that is taken the same with other last digits."""
    while (runs / id_).exists():
        id_ = re.sub(r"-[0-9a-f]{4}$", "", id_)[:90] + f"-{secrets.token_hex(2)}"
    return id_


def as_bytes(run: Run) -> bytes:
    """The zip, for a download. UserError where the run is gone."""
    if not run.path.is_dir():
        raise UserError(f"{run.id} is gone: it was deleted meanwhile.")
    file = io.BytesIO()
    export(run, file)
    return file.getvalue()
