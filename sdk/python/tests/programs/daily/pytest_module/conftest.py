import pytest

import flamepy


@pytest.fixture(scope="session")
def executor():
    with flamepy.Executor() as made:
        yield made
