import pytest

from flamepy import FlameError, PythonVersionError
from flamepy._values.envelope import MAGIC, PYTHON, check_python, is_envelope, seal, unseal


def test_what_is_sealed_is_unsealed() -> None:
    envelope = unseal(seal({"kind": "Stateful"}, b"ab", b"c"))
    assert bytes(envelope.body) == b"abc"
    assert envelope.python == PYTHON
    assert (envelope.text("kind"), envelope.text("absent")) == ("Stateful", "")


def test_the_header_is_plain_text() -> None:
    data = seal({}, b"")
    assert is_envelope(data)
    assert f'"python": "{PYTHON}"'.encode() in data


@pytest.mark.parametrize(
    "data",
    [b"", MAGIC, MAGIC + b"\xff\xff\xff\xff{}", MAGIC + b"\x02\0\0\0{", MAGIC + b"\x02\0\0\0{x"],
)
def test_a_broken_frame_is_refused(data: bytes) -> None:
    with pytest.raises(FlameError, match="cannot read"):
        unseal(data)


def test_a_newer_protocol_is_refused_by_number() -> None:
    with pytest.raises(FlameError, match=r"protocol 2 is not known here \(expected 1\)"):
        unseal(seal({"protocol": 2}, b""))


def test_another_python_is_refused_naming_both_and_the_way_to_choose() -> None:
    check_python(PYTHON, "it")
    with pytest.raises(PythonVersionError) as caught:
        check_python("3.11", "session s")
    text = caught.value.message
    assert "session s was made with Python 3.11" in text
    assert f"Python {PYTHON}" in text
    assert "FLAME_PYTHON_VERSION=3.11" in text
