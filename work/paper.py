"""A4 paper to write Chinese and English on: wrapping, boxes, tables, pictures, QR codes, strokes."""

import io
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import segno
from fpdf import FPDF
from fpdf.fonts import TTFFont
from PIL import Image

Colour = tuple[int, int, int]

INK: Colour = (33, 41, 48)
MUTED: Colour = (106, 117, 126)
ACCENT: Colour = (14, 83, 104)
PALE: Colour = (238, 244, 246)
LINE: Colour = (209, 217, 222)
WARNING: Colour = (150, 84, 10)
PALE_WARNING: Colour = (253, 245, 230)
WHITE: Colour = (255, 255, 255)

PAGE_WIDTH_MM = 210.0
MARGIN_MM = 16.0
WIDTH_MM = PAGE_WIDTH_MM - 2 * MARGIN_MM
FOOT_MM = 27.0
MM_PER_POINT = 25.4 / 72
LINE_HEIGHT = 1.45

# A line may not begin with the first, nor end with the second.
NEVER_FIRST = frozenset("，。、；：？！）」』】》〉…—·％‰℃,.;:?!)]}%”’")
NEVER_LAST = frozenset("（「『【《〈([{“‘￥$")
MISSING_GLYPH = "□"


@dataclass(frozen=True, slots=True)
class Fonts:
    """The font files: two weights, and one that knows rarer characters if there is one."""

    regular: Path
    bold: Path
    fallback: Path | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its heading, its share of the width and where its text stands."""

    heading: str
    share: float
    align: str = "L"


class Paper(FPDF):
    """A document that keeps its place: each piece is laid under the last one."""

    def __init__(
        self, fonts: Fonts, head: Callable[["Paper"], None], foot: Callable[["Paper"], None]
    ) -> None:
        super().__init__(format="A4")
        self._head, self._foot = head, foot
        self._widths: dict[tuple[str, str], float] = {}
        self.set_margins(MARGIN_MM, MARGIN_MM)
        self.set_auto_page_break(False)
        self.add_font("text", "", fonts.regular)
        self.add_font("text", "B", fonts.bold)
        if fonts.fallback is not None:
            self.add_font("rare", "", fonts.fallback)
            self.add_font("rare", "B", fonts.fallback)
            self.set_fallback_fonts(["rare"], exact_match=False)
        self._known = {
            character for font in self.fonts.values() for character in getattr(font, "cmap", {})
        }
        self.set_line_width(0.2)

    def let_go(self) -> None:
        """Close the font files, which the library leaves open; nothing more can be written."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    def header(self) -> None:
        """Print the head of each page; the library calls this."""
        self._head(self)

    def footer(self) -> None:
        """Print the foot of each page; the library calls this."""
        self._foot(self)

    def room(self, height: float) -> bool:
        """Tell whether so many millimetres are left above the foot."""
        return bool(self.get_y() + height <= self.h - FOOT_MM)

    def need(self, height: float) -> None:
        """Turn the page unless so many millimetres are left."""
        if not self.room(height):
            self.add_page()

    def style(self, size: float, colour: Colour = INK, *, bold: bool = False) -> None:
        """Choose how the next text looks."""
        self.set_font("text", "B" if bold else "", size)
        self.set_text_color(*colour)

    def line_mm(self) -> float:
        """Return the height of a line at the present size."""
        return float(self.font_size_pt) * MM_PER_POINT * LINE_HEIGHT

    def readable(self, text: str) -> str:
        """Return the text with a box for every character that no font has, so that none vanishes."""
        plain = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
        return "".join(self._readable(character) for character in plain.replace("\t", "    "))

    def _readable(self, character: str) -> str:
        if character == "\n" or ord(character) in self._known:
            return character
        # Joiners and variation selectors have no shape of their own.
        if unicodedata.category(character) in {"Cf", "Mn"}:
            return ""
        if unicodedata.category(character) == "Zs":
            return " "
        return MISSING_GLYPH if ord(MISSING_GLYPH) in self._known else "?"

    def measure(self, text: str) -> float:
        """Return the width of readable text at the present style."""
        style = f"{self.font_style}{self.font_size_pt}"
        total = 0.0
        for character in text:
            key = (style, character)
            if key not in self._widths:
                self._widths[key] = self.get_string_width(character)
            total += self._widths[key]
        return total

    def wrap(self, text: str, width: float) -> list[str]:
        """Return readable lines no wider than `width`, broken where the language allows it."""
        return [
            line
            for paragraph in self.readable(text).split("\n")
            for line in self._wrap_paragraph(paragraph, width)
        ]

    def _wrap_paragraph(self, paragraph: str, width: float) -> list[str]:
        lines: list[str] = []
        line = ""
        for piece in _pieces(paragraph):
            if self.measure((line + piece).rstrip()) <= width:
                line += piece
                continue
            if line.strip():
                lines.append(line.rstrip())
            line = piece.lstrip()
            # What is wider than a line, such as a long link, is cut where the line is full.
            while self.measure(line.rstrip()) > width:
                fits = 1
                while self.measure(line[: fits + 1]) <= width:
                    fits += 1
                lines.append(line[:fits])
                line = line[fits:]
        return [*lines, line.rstrip()]

    def write_line(self, x: float, y: float, width: float, line: str, align: str = "L") -> None:
        """Print one readable line in a box, without moving on."""
        self.set_xy(x, y)
        height = self.line_mm()
        self.set_xy(x, y)
        self.c_margin = 0
        self.cell(width, height, line, align=align)

    def paragraph(self, text: str, *, x: float = MARGIN_MM, width: float = WIDTH_MM) -> None:
        """Print text from the present place downwards, over as many pages as it takes."""
        height = self.line_mm()
        size, style, colour = self.font_size_pt, self.font_style, self.text_color
        for line in self.wrap(text, width):
            if not self.room(height):
                self.add_page()
                self.set_font("text", style, size)
                self.text_color = colour
            y = self.get_y()
            self.write_line(x, y, width, line)
            self.set_xy(MARGIN_MM, y + height)

    def section(self, title: str, *, keep_mm: float = 14.0) -> None:
        """Print a heading that stays with what follows it."""
        self.ln(4.5)
        self.need(8 + keep_mm)
        y = self.get_y()
        self.set_fill_color(*ACCENT)
        self.rect(MARGIN_MM, y + 0.6, 1.2, 4.6, style="F")
        self.style(11, ACCENT, bold=True)
        self.write_line(MARGIN_MM + 3, y, WIDTH_MM - 3, self.readable(title))
        self.set_xy(MARGIN_MM, y + 7.5)

    def facts(self, rows: Sequence[Sequence[tuple[str, str, int]]]) -> None:
        """Print a framed grid of labels and values; each has a span of columns."""
        pad = 2.2
        for row in rows:
            columns = sum(span for _, _, span in row)
            cells: list[tuple[float, str, list[str]]] = []
            for label, value, span in row:
                width = WIDTH_MM * span / columns
                self.style(10)
                cells.append((width, label, self.wrap(value, width - 2 * pad)))
            self.style(10)
            value_mm = self.line_mm()
            height = 2 * pad + 4.2 + max(len(lines) for _, _, lines in cells) * value_mm - 1
            self.need(height)
            x, y = MARGIN_MM, self.get_y()
            self.set_draw_color(*LINE)
            for width, label, lines in cells:
                self.rect(x, y, width, height)
                self.style(7.5, MUTED)
                self.write_line(x + pad, y + 1.6, width - 2 * pad, self.readable(label))
                self.style(10)
                for number, line in enumerate(lines):
                    top = y + 5.6 + number * value_mm
                    self.write_line(x + pad, top, width - 2 * pad, line)
                x += width
            self.set_xy(MARGIN_MM, y + height)

    def grid(self, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
        """Print a table whose heading is repeated on every page it reaches."""
        whole = sum(column.share for column in columns)
        widths = [WIDTH_MM * column.share / whole for column in columns]
        self._grid_head(columns, widths)
        pad, gap = 2.0, 1.3
        for number, row in enumerate(rows):
            self.style(9.5)
            wrapped = [
                self.wrap(text, width - 2 * pad) for text, width in zip(row, widths, strict=True)
            ]
            line_mm, longest, printed = self.line_mm(), max(map(len, wrapped)), 0
            # A row longer than what is left goes on over the page, line by line.
            while printed < longest:
                if not self.room(line_mm + 2 * gap) or (
                    not printed and longest <= 8 and not self.room(longest * line_mm + 2 * gap)
                ):
                    self.add_page()
                    self._grid_head(columns, widths)
                    self.style(9.5)
                y = self.get_y()
                left = int((self.h - FOOT_MM - y - 2 * gap) / line_mm)
                count = min(left, longest - printed)
                height = count * line_mm + 2 * gap
                if number % 2:
                    self.set_fill_color(*PALE)
                    self.rect(MARGIN_MM, y, WIDTH_MM, height, style="F")
                x = MARGIN_MM
                for column, lines, width in zip(columns, wrapped, widths, strict=True):
                    for place, line in enumerate(lines[printed : printed + count]):
                        top = y + gap + place * line_mm
                        self.write_line(x + pad, top, width - 2 * pad, line, column.align)
                    x += width
                self.set_draw_color(*LINE)
                self.line(MARGIN_MM, y + height, MARGIN_MM + WIDTH_MM, y + height)
                self.set_xy(MARGIN_MM, y + height)
                printed += count

    def _grid_head(self, columns: Sequence[Column], widths: Sequence[float]) -> None:
        self.need(16)
        x, y = MARGIN_MM, self.get_y()
        self.set_fill_color(*ACCENT)
        self.rect(x, y, WIDTH_MM, 6.6, style="F")
        self.style(8.5, WHITE, bold=True)
        for column, width in zip(columns, widths, strict=True):
            heading = self.readable(column.heading)
            self.write_line(x + 2, y + 1.1, width - 4, heading, column.align)
            x += width
        self.set_xy(MARGIN_MM, y + 6.6)

    def picture(self, body: bytes, x: float, y: float, width: float, height: float) -> bool:
        """Lay a picture into a box, whole and in its proportions; tell whether it could be read."""
        try:
            with Image.open(io.BytesIO(body)) as opened:
                across, down = opened.size
                opened.load()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return False
        scale = min(width / across, height / down)
        w, h = across * scale, down * scale
        self.image(io.BytesIO(body), x + (width - w) / 2, y + (height - h) / 2, w, h)
        return True

    def qr(self, text: str, x: float, y: float, size: float) -> None:
        """Draw a QR code as vectors; the quiet zone is left to the paper around it."""
        rows = list(segno.make(text, error="m", micro=False).matrix)
        module = size / len(rows)
        self.set_fill_color(0, 0, 0)
        for down, row in enumerate(rows):
            across = 0
            while across < len(row):
                run = 0
                while across + run < len(row) and row[across + run]:
                    run += 1
                if run:
                    # A hair wider than exact, so that no viewer shows seams between the modules.
                    left, top = x + across * module, y + down * module
                    self.rect(left, top, run * module + 0.01, module + 0.01, style="F")
                across += run or 1

    def strokes(
        self,
        strokes: Sequence[Sequence[Sequence[float]]],
        x: float,
        y: float,
        width: float,
        height: float,
    ) -> None:
        """Draw pen strokes into a box, in their proportions; points that are no numbers are left out."""
        lines = [
            [(point[0], point[1]) for point in stroke if len(point) >= 2 and _finite(point)]
            for stroke in strokes
        ]
        points = [point for line in lines for point in line]
        if not points:
            return
        left, top = min(p[0] for p in points), min(p[1] for p in points)
        across, down = max(p[0] for p in points) - left, max(p[1] for p in points) - top
        scale = min(width / across if across else 1e9, height / down if down else 1e9)
        scale = 0.0 if scale >= 1e9 else scale
        x += (width - across * scale) / 2
        y += (height - down * scale) / 2
        self.set_draw_color(*INK)
        self.set_fill_color(*INK)
        for line in lines:
            placed = [(x + (px - left) * scale, y + (py - top) * scale) for px, py in line]
            if len(placed) > 1:
                with self.local_context(line_width=0.55, stroke_cap_style=1, stroke_join_style=1):
                    self.polyline(placed)
            elif placed:
                self.circle(placed[0][0], placed[0][1], 0.4, style="F")


def _finite(point: Sequence[float]) -> bool:
    return all(
        isinstance(number, int | float) and isfinite(number) and abs(number) < 1e6
        for number in point[:2]
    )


def _pieces(paragraph: str) -> list[str]:
    """Cut a paragraph where a line may end: after spaces and between Chinese characters."""
    pieces: list[str] = []
    for character in paragraph:
        before = pieces[-1][-1] if pieces else ""
        glued = pieces and (
            character in NEVER_FIRST
            or before in NEVER_LAST
            or character == " "
            or not (before == " " or _wide(before) or _wide(character))
        )
        if glued:
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in {"W", "F"}
