import dataclasses
import enum


class Unit(str, enum.Enum):
    KILO = "kg"
    PIECE = "piece"


@dataclasses.dataclass(frozen=True, slots=True)
class Basket:
    items: tuple

    def __len__(self):
        return len(self.items)
