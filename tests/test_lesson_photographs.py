"""Chapter 1 with photographs: offered where a set and the backbone are on this machine, and made here."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

import acl
from acl.config import UserError
from app.lesson import material
from app.lesson.chapters import forgetting
from app.store import runs as data
from tests.test_torchvision_folders import cifar10, write_batches


def page() -> None:
    import streamlit as st

    from app.lesson.chapters import forgetting

    picture, controls = st.columns([5, 2])
    st.success(forgetting.draw(picture, controls) or "nothing yet")


@pytest.fixture
def on_disk(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ACL_DATA", str(tmp_path))
    data.stream_of.clear()
    batches, _ = cifar10(600)
    write_batches(tmp_path / "cifar-10-batches-py", batches)


def test_without_a_set_there_is_nothing_to_choose(tmp_path, monkeypatch):
    monkeypatch.setenv("ACL_DATA", str(tmp_path))
    assert list(material.here()) == ["digits"]
    test = AppTest.from_function(page, default_timeout=60).run()
    assert not test.exception and not [each for each in test.segmented_control if each.key == "pictures"]


def test_with_one_the_twenty_stand_there_and_it_is_said_how_a_run_is_made(on_disk):
    assert list(material.here()) == ["digits", "photographs"]
    test = AppTest.from_function(page, default_timeout=120).run()
    test.segmented_control(key="pictures").set_value("photographs").run()
    assert not test.exception and not test.error
    assert "is made here, not recorded" in test.info[0].value and test.success[0].value == "nothing yet"
    assert any("never sees the old photographs again" in each.value for each in test.markdown)
    test.segmented_control(key="pictures").set_value("digits").run()
    assert not test.exception and not test.info


def test_without_the_backbone_there_is_nothing_to_choose(on_disk, monkeypatch):
    def missing(*_: object) -> None:
        raise UserError("The weights are not here.")

    monkeypatch.setattr(material, "weights_file", missing)
    assert list(material.here()) == ["digits"]


def test_a_damaged_set_is_a_sentence(on_disk, tmp_path):
    batch = tmp_path / "cifar-10-batches-py" / "data_batch_2"
    batch.write_bytes(batch.read_bytes()[:1000])
    test = AppTest.from_function(page, default_timeout=120).run()
    test.segmented_control(key="pictures").set_value("photographs").run()
    assert not test.exception and "is no batch of CIFAR" in test.error[0].value


@pytest.mark.slow
def test_a_run_on_photographs_is_told_by_its_classes(on_disk, runs):
    history = acl.run(material.PHOTOGRAPHS.config, runs).history()
    said = forgetting.takeaway(history)
    assert "of the pictures of thing0 and thing1 by their name" in said and "“thing0 or thing1?”" in said
    assert not re.search("digit|zero|runs before", said)
