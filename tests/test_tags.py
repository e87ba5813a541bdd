"""Tags of a run: kept, cleaned, refused, and harmless where damaged."""

from __future__ import annotations

import pytest

from acl.config import UserError
from acl.runs.folder import create
from acl.runs.tags import keep_tags, tags_of
from tests.conftest import small_config


def test_tags_are_kept_in_order_and_once(runs):
    run = create(small_config(), runs)
    assert tags_of(run) == []
    keep_tags(run, ["lecture 3", " ablation ", "ablation"])
    assert tags_of(run) == ["ablation", "lecture 3"]
    keep_tags(run, [])
    assert tags_of(run) == []


@pytest.mark.parametrize("names", [[""], ["a,b"], ["x" * 41], ["two\nlines"], [str(i) for i in range(21)]])
def test_a_bad_tag_is_one_sentence(runs, names):
    run = create(small_config(), runs)
    with pytest.raises(UserError, match="tag"):
        keep_tags(run, names)
    assert tags_of(run) == []


@pytest.mark.parametrize("text", ["", "[1]", '{"tags": 3}', '{"tags": [1, "good"]}'])
def test_a_damaged_file_has_no_tags(runs, text):
    run = create(small_config(), runs)
    (run.path / "tags.json").write_text(text)
    assert tags_of(run) == (["good"] if "good" in text else [])
