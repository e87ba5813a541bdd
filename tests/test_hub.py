"""The hub's library is told names, schemas and arrays: nothing that a folder holds makes it reach the network, read
elsewhere, or write. It is imported only where Parquet files are read, and reads them as we do."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.sets import IMAGE, class_label, encoded, load, noise, png, write_folder, write_table

# Whatever reaches for the network is written down, with where it wanted to go.
WATCH = """
import sys
reached = []
def watch(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "subprocess.Popen"}:
        reached.append((event, str(arguments[-1])))
sys.addaudithook(watch)
"""
READ = (
    WATCH
    + """
import aiohttp, requests
from acl.config import UserError, make_config
from acl.plugins.registry import build
for data in sys.argv[1:]:
    try:
        found = build("datasets", "parquet", make_config({"data": data, "image_size": 6})).load()
        print("read", len(found.labels), *found.class_names, sep="|")
    except UserError as error:
        print("refused", error, sep="|")
assert "datasets" in sys.modules
print("reached", reached, sep="|")
"""
)


def run(code, home, *arguments, **environment):
    """In a process of its own that has never had a home, and whose every proxy and hub is the address given."""
    home.mkdir(exist_ok=True)
    names = ("PATH", "PYTHONPATH", "LANG")
    environment |= {name: os.environ[name] for name in names if name in os.environ} | {"HOME": str(home)}
    environment |= {"ACL_DATA": str(home.parent / "sets")}
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def server():
    """A listening socket; `connections()`: how many came."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)

        def connections():
            try:
                listening.accept()[0].close()
            except BlockingIOError:
                return 0
            return 1 + connections()

        yield f"http://127.0.0.1:{listening.getsockname()[1]}", connections


def plain(folder, features=None, **cell):
    """Two files that are in order, apart from what is said here."""
    for part in ("train", "test"):
        rows = [{"bytes": png(noise(6, 6, 3)), "path": None} | cell for _ in range(4)]
        label = class_label("ant", "bee") | (features or {})
        write_table(folder / f"{part}.parquet", {"image": rows, "label": [0, 1] * 2}, {"image": IMAGE, "label": label})


def card(url):
    return (
        f"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: {url}/train.parquet\n---\n"
    )


def tricks(folder: Path, url: str) -> dict[str, str]:
    """Folders that point at `url` in every way there is, and what must come of each."""
    read, refused = "read|8|ant|bee", "refused"
    expected = {}
    for name in ("card", "settings", "script", "infos", "names", "type", "address", "beside bytes", "file", "hops"):
        plain(folder / name, {"names_file": f"{url}/names.txt"} if name == "names" else None)
        expected[name] = read
    (folder / "card" / "README.md").write_text(card(url))
    for name in ("data.yaml", ".huggingface.yaml", "settings.yml", "config.json"):
        (folder / "settings" / name).write_text(f"data_files: {url}/train.parquet\n")
    for name in ("script.py", "train.py"):
        (folder / "script" / name).write_text(f"import urllib.request\nurllib.request.urlopen('{url}')\n")
    infos = {"default": {"download_checksums": {f"{url}/train.parquet": {}}, "builder_name": url}}
    (folder / "infos" / "dataset_infos.json").write_text(json.dumps(infos))
    (folder / "infos" / "metadata.csv").write_text(f"file_name,label\n{url}/a.png,0\n")
    plain(folder / "type", {"_type": "load_dataset", "names": [url]})
    plain(folder / "address", bytes=None, path=f"{url}/a.png")
    plain(folder / "hub", bytes=None, path="hf://datasets/mnist/a.png")
    plain(folder / "beside bytes", path=f"{url}/a.png")
    plain(folder / "file", bytes=None, path="file:///etc/hostname")
    expected |= {"type": "read|8|0|1", "address": refused, "hub": refused, "file": refused}
    plain(folder / "hops" / "x::http:" / url.removeprefix("http://"))
    for part in ("train", "test"):
        (folder / "hops" / f"{part}.parquet").unlink()
    return expected


def test_no_folder_makes_it_reach_the_network_or_write(tmp_path, server):
    url, connections = server
    expected = tricks(tmp_path / "hub", url)
    proxies = {
        name: url for name in ("HF_ENDPOINT", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    }
    folders = [tmp_path / "hub" / name for name in expected]
    lines = run(READ, tmp_path / "home", *folders, **proxies)
    for (name, said), line in zip(expected.items(), lines, strict=False):
        assert line.startswith(said), (name, line)
    assert lines[-1] == "reached|[]" and len(lines) == len(expected) + 1
    assert not connections() and not list((tmp_path / "home").iterdir())


def test_the_watch_sees_what_reaches_for_the_network(tmp_path, server):
    url, connections = server
    ask = f"import urllib.request\ntry:\n    urllib.request.urlopen('{url}', timeout=0.1)\nexcept OSError: pass\n"
    assert "socket.connect" in run(f"{WATCH}{ask}print(reached)", tmp_path / "home")[0] and connections() == 1


@pytest.mark.parametrize(
    "code",
    [
        "from acl.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass",
        "from acl.plugins.registry import build, discover\n[found.load() for found in discover('datasets').values()]",
        "from acl.presets import preset_config as p\nfrom acl.plugins.registry import prepare\n"
        "prepare(p('digits-demo'))",
        "from acl.config import make_config\nfrom acl.plugins.registry import build\n"
        "build('datasets', 'folder', make_config({'data': sys.argv[1]})).load()",
        "from streamlit.testing.v1 import AppTest\n"
        "page = AppTest.from_file('app/contents.py', default_timeout=60).run()\n"
        "assert page.radio and not page.exception",
        "from streamlit.testing.v1 import AppTest\n"
        "page = AppTest.from_file('app/contents.py', default_timeout=60).switch_page('../pages/start.py').run()\n"
        "assert page.selectbox and not page.exception",
    ],
    ids=["help", "listing", "digits", "folder", "first page", "form"],
)
def test_it_is_imported_only_where_parquet_files_are_read(code, tmp_path):
    write_folder(tmp_path / "pets", {"dog": 3, "cat": 3})
    code = f"import sys\n{code}\nassert 'datasets' not in sys.modules"
    run(code, tmp_path / "home", tmp_path / "pets", ACL_RUNS=str(tmp_path / "runs"))


REFERENCE = """
import datasets, sys
for folder in sys.argv[1:]:
    for split, found in datasets.load_dataset(folder, streaming=True).items():
        names = found.features["label"].names
        for row in found.cast_column("image", datasets.Image(decode=False)):
            print(folder, split, names[row["label"]], row["image"]["bytes"].hex(), sep="|")
"""
LAYOUTS = {
    "shards": [
        f"data/{part}.parquet" for part in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001")
    ],
    "words": ["bugs train 1.parquet", "my-training_2.parquet", "eval.1.parquet"],
    "folders": ["all/train/b.parquet", "all/train/a.parquet", "all/testing/b/c.parquet"],
}


def test_files_are_read_as_the_library_itself_reads_them(tmp_path, data_dir):
    ours = []
    for layout, names in LAYOUTS.items():
        folder = tmp_path / layout
        for name in names:
            rows = [{"bytes": png(noise(6, 6, 3)), "path": None} for _ in range(6)]
            features = {"image": IMAGE, "label": class_label("ant", "bee", "cow")}
            write_table(folder / name, {"image": rows, "label": [2, 1, 0] * 2}, features)
        data = load("parquet", data=str(folder), image_size=6)
        for train, label, image in zip(data.is_train, data.labels, np.asarray(data.images), strict=True):
            file = encoded(Image.fromarray(image)).hex()
            ours.append(f"{folder}|{'train' if train else 'test'}|{data.class_names[label]}|{file}")
    theirs = run(REFERENCE, tmp_path / "home", *(tmp_path / layout for layout in LAYOUTS), HF_HUB_OFFLINE="1")
    assert sorted(theirs) == sorted(ours) and len(ours) == 54
