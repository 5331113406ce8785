import pytest

from flamepy.core import ObjectKey


def test_keys_have_two_or_three_parts() -> None:
    assert str(ObjectKey.from_path("app/ssn")) == "app/ssn"
    assert ObjectKey.from_key("app/pkg/app.tar.gz").object_id == "app.tar.gz"
    assert ObjectKey.for_shared("app").to_prefix() == "app/shared"
    assert ObjectKey("app", "ssn").with_generated_id().to_key() is not None
    assert ObjectKey("app", "ssn").to_key() is None


@pytest.mark.parametrize("path", ["", "app", "a/b/c/d", "a//c", "a/..", "a/b\\c", "*/b", "a/*/c"])
def test_other_keys_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="object key"):
        ObjectKey.from_path(path)


def test_prefix_and_key_are_told_apart() -> None:
    with pytest.raises(ValueError, match="expected <application>/<session>"):
        ObjectKey.from_prefix("a/b/c")
    with pytest.raises(ValueError, match="expected <application>/<session>/<object>"):
        ObjectKey.from_key("a/b")


def test_a_prefix_matches_what_lies_under_it() -> None:
    assert ObjectKey("a", "b").matches_key("a/b/c")
    assert not ObjectKey("a", "b").matches_key("a/bb/c")
    everything = ObjectKey.for_all_sessions("a")
    assert everything.is_all_sessions()
    assert everything.matches_key("a/x/y")
    assert not everything.matches_key("ab/x/y")
    for no_key in ("a", "a/b", "a/b/", "a//c", "a/b/c/d"):
        assert not everything.matches_key(no_key)
        assert not ObjectKey("a", "b").matches_key(no_key)
    assert ObjectKey("a", "b", "c").matches_key("a/b/c")
