"""A canvas of characters: braille dots where the terminal knows them, plain ASCII where not.

Why none of the libraries: plotext, plotille and uniplot draw the dots as well, but bring axes and colours of their own,
have no second set of characters for dots, labels and lines together, or join what a gap keeps apart.
"""

from dataclasses import dataclass, field

# The dot of each (column, row) of a braille cell: Unicode 2800 and up.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE = 0x2800
ACROSS, DOWN = 2, 4  # dots a cell


@dataclass(frozen=True)
class Ink:
    """How something is drawn: its colour, and its character where there are no dots."""

    style: str
    ascii: str


@dataclass
class Canvas:
    """Cells of `columns` by `rows`; dots are counted from the left and from the top.

    What is drawn later lies on top where it is written, and shares a cell where both are dots.
    """

    columns: int
    rows: int
    plain: bool = False
    _dots: dict[tuple[int, int], int] = field(default_factory=dict)
    _signs: dict[tuple[int, int], str] = field(default_factory=dict)
    _styles: dict[tuple[int, int], str] = field(default_factory=dict)

    def dot(self, x: int, y: int, ink: Ink) -> None:
        """One dot; outside the canvas it is none."""
        column, row = x // ACROSS, y // DOWN
        if not (0 <= column < self.columns and 0 <= row < self.rows):
            return
        if self.plain:
            self.write(column, row, ink.ascii, ink.style)
            return
        self._signs.pop((row, column), None)
        self._dots[row, column] = self._dots.get((row, column), 0) | _DOTS[y % DOWN][x % ACROSS]
        self._styles[row, column] = ink.style

    def line(self, start: tuple[float, float], end: tuple[float, float], ink: Ink, every: int = 1) -> None:
        """A straight line between two dots, both included; of the dots between every so many is drawn."""
        (x0, y0), (x1, y1) = start, end
        steps = max(1, round(max(abs(x1 - x0), abs(y1 - y0))))
        for step in (*range(0, steps, every), steps):
            share = step / steps
            self.dot(round(x0 + share * (x1 - x0)), round(y0 + share * (y1 - y0)), ink)

    def write(self, column: int, row: int, text: str, style: str = "") -> None:
        """Characters in cells; what lies outside is cut off."""
        for place, sign in enumerate(text, start=column):
            if 0 <= place < self.columns and 0 <= row < self.rows:
                self._dots.pop((row, place), None)
                self._signs[row, place], self._styles[row, place] = sign, style

    def row(self, row: int) -> list[tuple[str, str]]:
        """The cells of one row: character and style."""
        return [self._cell(row, column) for column in range(self.columns)]

    def _cell(self, row: int, column: int) -> tuple[str, str]:
        style = self._styles.get((row, column), "")
        if (row, column) in self._dots:
            return chr(_BRAILLE + self._dots[row, column]), style
        return self._signs.get((row, column), " "), style
