import pickle

import pytest

import flamepy
from flamepy import (
    FlameError,
    FlameErrorCode,
    RemoteTaskError,
    ResourceRequirement,
    Shim,
    TaskState,
)
from flamepy.proto import shim_pb2, types_pb2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu=1,mem=1g,gpu=0", ResourceRequirement(1, 1 << 30, 0)),
        (" CPU = 2 , Memory=512MiB", ResourceRequirement(2, 512 << 20, 0)),
        ("mem=10", ResourceRequirement(0, 10, 0)),
        ("mem=3tb", ResourceRequirement(0, 3 << 40, 0)),
        ("gpu=1", ResourceRequirement(0, 0, 1)),
    ],
)
def test_resources_are_read_from_text(text: str, expected: ResourceRequirement) -> None:
    assert ResourceRequirement.from_string(text) == expected


@pytest.mark.parametrize(
    "text", ["", "cpu", "cpu=", "cpu=1,,gpu=1", "cpu=-1", "mem=1.5g", "disk=1", "cpu=1,cpu=2"]
)
def test_other_resources_are_refused(text: str) -> None:
    with pytest.raises(FlameError, match="expected something like cpu=1,mem=1g,gpu=0") as caught:
        ResourceRequirement.from_string(text)
    assert caught.value.code is FlameErrorCode.INVALID_ARGUMENT


def test_the_numbers_are_those_of_the_wire() -> None:
    assert [int(state) for state in TaskState] == [0, 1, 2, 3, 4]
    assert [int(code) for code in FlameErrorCode] == [0, 1, 2, 3, 4, 5]


def test_an_unknown_shim_counts_as_host() -> None:
    assert [Shim(number) for number in (0, 1, 99, -1)] == [
        Shim.HOST,
        Shim.WASM,
        Shim.HOST,
        Shim.HOST,
    ]


def test_an_error_says_its_text_and_code() -> None:
    error = FlameError(FlameErrorCode.NOT_FOUND, "no such thing")
    assert str(error) == "no such thing (code: 5)"
    assert pickle.loads(pickle.dumps(error)).code is FlameErrorCode.NOT_FOUND


def test_a_remote_error_shows_the_remote_traceback_and_survives_pickling() -> None:
    error = RemoteTaskError("ValueError: bad", "s", "3", "ValueError", "Traceback ...")
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert str(each) == "ValueError: bad (code: 3)"
        assert each.__notes__ == ["Remote traceback of task 3 in session s:\nTraceback ..."]


def test_short_names_begin_with_their_prefix() -> None:
    name = flamepy.util.short_name("app", 8)
    assert name.startswith("app-")
    assert len(name) == 12
    assert name != flamepy.util.short_name("app", 8)


def test_the_attributes_of_an_application_are_the_fields_of_its_message() -> None:
    attributes = set(flamepy.ApplicationAttributes.__dataclass_fields__)
    assert attributes == {field.name for field in types_pb2.ApplicationSpec.DESCRIPTOR.fields}


def test_the_application_of_a_session_context_has_the_fields_of_its_message() -> None:
    attributes = set(flamepy.ApplicationContext.__dataclass_fields__)
    assert attributes == {field.name for field in shim_pb2.ApplicationContext.DESCRIPTOR.fields}
