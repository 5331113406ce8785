from typing import Any

import pytest

import flamepy
from flamepy import FlameError, FlameErrorCode, SessionAttributes
from tests.support.cluster import FakeCluster


@pytest.mark.parametrize(
    ("bounds", "text"),
    [
        ({"max_instances": 0}, "max_instances: got 0, expected a whole number from 1 to"),
        ({"max_instances": -1}, "max_instances: got -1"),
        ({"max_instances": 2**32}, "max_instances: got 4294967296"),
        ({"max_instances": "2"}, "max_instances: got '2', expected a whole number"),
        ({"min_instances": 1.5}, "min_instances: got 1.5, expected a whole number from 0 to"),
        (
            {"min_instances": 3, "max_instances": 2},
            "min_instances: got 3, expected at most max_instances, which is 2",
        ),
    ],
)
def test_bounds_with_which_no_task_could_run_are_refused_at_once(
    cluster: FakeCluster, bounds: dict[str, Any], text: str
) -> None:
    def create() -> None:
        flamepy.create_session("flmrun", sum, session_id="s", **bounds)

    def open_() -> None:
        flamepy.open_session("s", SessionAttributes("flmrun", **bounds))

    for make in (create, open_):
        with pytest.raises(FlameError, match=text) as caught:
            make()
        assert caught.value.code is FlameErrorCode.INVALID_ARGUMENT
    assert not cluster.sessions
