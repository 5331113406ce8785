import pytest

from flamepy import ObjectRef

GOLDEN = bytes.fromhex(
    "4300000002656e64706f696e740014000000677270633a2f2f312e322e332e343a3930393000026b657900060000"
    "00612f622f63001076657273696f6e000100000000"
)


def test_a_reference_is_encoded_as_the_published_client_does() -> None:
    assert ObjectRef("grpc://1.2.3.4:9090", "a/b/c", 1).encode() == GOLDEN


def test_a_reference_is_decoded_from_int32_and_int64_versions() -> None:
    assert ObjectRef.decode(GOLDEN) == ObjectRef("grpc://1.2.3.4:9090", "a/b/c", 1)
    large = ObjectRef("grpc://h:1", "a/b/ü", 2**40)
    assert ObjectRef.decode(large.encode()) == large


def test_a_missing_version_is_0() -> None:
    at = GOLDEN.index(b"\x10version")
    document = GOLDEN[:at] + b"\0"
    document = len(document).to_bytes(4, "little") + document[4:]
    assert ObjectRef.decode(document).version == 0


@pytest.mark.parametrize(
    "data",
    [b"", b"abc", GOLDEN[:-1], b"\x80\x05N.", GOLDEN[:30] + GOLDEN[31:], b"\x05\0\0\0\0"],
)
def test_what_is_no_reference_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an object reference"):
        ObjectRef.decode(data)


def test_every_single_changed_byte_is_refused_or_gives_a_reference() -> None:
    for at in range(len(GOLDEN)):
        for value in (0, 1, 0x7F, 0xFF):
            try:
                ObjectRef.decode(GOLDEN[:at] + bytes([value]) + GOLDEN[at + 1 :])
            except ValueError:
                pass


def test_a_negative_version_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 0 to"):
        ObjectRef("grpc://h:1", "a/b/c", -1).encode()
