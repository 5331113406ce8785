import dataclasses

import helpers
import pytest


@dataclasses.dataclass
class Price:
    amount: int


def raised(price, by):
    assert by > 0, "by is more than 0"
    return Price(helpers.doubled(price.amount) + by)


@pytest.mark.parametrize("by", [1, 2])
def test_raised(executor, by):
    assert executor.submit(raised, Price(2), by).result() == Price(4 + by)


def test_refused(executor):
    with pytest.raises(AssertionError, match="by is more than 0"):
        executor.submit(raised, Price(2), 0).result()


class TestMany:
    factor = 3

    def scaled(self, n):
        return self.factor * n

    def test_method(self, executor):
        assert list(executor.map(self.scaled, range(3))) == [0, 3, 6]

    def test_monkeypatch(self, executor, monkeypatch):
        monkeypatch.setattr(helpers, "doubled", lambda n: 0)
        assert executor.submit(lambda n: helpers.doubled(n), 5).result() == 0
