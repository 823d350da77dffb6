"""Cut the Chinese font that PDFs are set in.

Noto Sans SC has 10 MB a weight; a service report needs the characters people write every day.
A rarer character is not in the cut: point FIELDWRIGHT_FONTS at a folder of full fonts for that.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parent.parent
DECLARED = ROOT / "tools" / "fonts"
OUTPUT = ROOT / "build" / "fonts"
PACKAGE = Path("node_modules", "@expo-google-fonts", "noto-sans-sc")
WEIGHTS = {"Regular": "400Regular", "Bold": "700Bold"}
LICENCE = "OFL.txt"

RANGES = (
    (0x0020, 0x007E),  # ASCII
    (0x00A0, 0x00FF),  # Latin-1
    (0x0100, 0x017F),  # Latin Extended-A
    (0x2010, 0x205E),  # punctuation
    (0x20A0, 0x20BF),  # currencies
    (0x2150, 0x218B),  # fractions and Roman numerals
    (0x2190, 0x21FF),  # arrows
    (0x2460, 0x24FF),  # numbers in circles
    (0x3000, 0x303F),  # Chinese punctuation
    (0xFF01, 0xFFEE),  # full-width forms
)
SYMBOLS = "℃℉№℡™Ω√∞≈≠≤≥□■○●◎△▲▽▼◆◇★☆☐☑☒✓✔✕✗✘⚠㎡㎥㎏㎜㎝㎞"
# GB 2312 is from 1980; these are in the names of people who sign reports today.
NAMES = "喆堃镕熠煊昉晞旻芃玙琎翀昇玥淼焱犇垚骉珺琋祎赟婳偲劼勍晟昳曈淏瀞烜烨琇瑄瑀璟甯翊翯韫颢飏龑冮凃厍逄郄隗闫邝佘髙鵬"


def gb2312() -> set[int]:
    """Return every character of GB 2312: 6,763 Chinese ones and the signs around them."""
    codes: set[int] = set()
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            # The table has holes, which decode to nothing.
            codes.update(map(ord, bytes((row, cell)).decode("gb2312", "ignore")))
    return codes


def wanted() -> set[int]:
    """Return all characters that the cut should hold where the font has them."""
    codes = gb2312() | set(map(ord, SYMBOLS + NAMES))
    for first, last in RANGES:
        codes.update(range(first, last + 1))
    return codes


def is_fresh() -> bool:
    """Tell whether the cut fonts are newer than what they are made from."""
    outputs = [OUTPUT / LICENCE, *(OUTPUT / f"NotoSansSC-{name}.ttf" for name in WEIGHTS)]
    if not all(path.exists() for path in outputs):
        return False
    made_from = [Path(__file__), DECLARED / "package-lock.json"]
    oldest = min(path.stat().st_mtime for path in outputs)
    return oldest > max(path.stat().st_mtime for path in made_from)


def fetch(folder: Path) -> Path:
    """Let npm put the font package into the folder, and return where it lies."""
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(DECLARED / name, folder)
    # Make puts the npm of the Node wheel here when the machine has no good one of its own.
    path = os.pathsep.join((str(Path(sys.prefix, "node-bin")), os.environ.get("PATH", os.defpath)))
    npm = shutil.which("npm", path=path)
    if npm is None:
        raise SystemExit("There is no npm to fetch the font with; `make fonts` prepares one.")
    subprocess.run(
        [npm, "ci", "--ignore-scripts", "--loglevel=error"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=True,
    )
    return folder / PACKAGE


def cut(source: Path, target: Path) -> int:
    """Write the wanted part of a font, and return how many characters it holds."""
    font = TTFont(source, lazy=True)
    missing = gb2312() - set(font.getBestCmap())
    if missing:
        raise SystemExit(f"{source.name} lacks {len(missing)} characters of GB 2312.")

    options = subset.Options(hinting=False, layout_features=[], notdef_outline=True)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=wanted())
    cutter.subset(font)
    # A font half written would look fresh the next time.
    unfinished = target.with_suffix(".part")
    font.save(unfinished)
    unfinished.replace(target)
    return len(font.getBestCmap())


def main() -> None:
    if is_fresh():
        print("The fonts for PDFs are ready.")
        return

    OUTPUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=OUTPUT, prefix=".npm-") as folder:
        print("Fetching Noto Sans SC (about 50 MB) ...", flush=True)
        package = fetch(Path(folder))
        for name, weight in WEIGHTS.items():
            began = time.monotonic()
            target = OUTPUT / f"NotoSansSC-{name}.ttf"
            print(f"Cutting {target.relative_to(ROOT)} ...", end=" ", flush=True)
            count = cut(package / weight / f"NotoSansSC_{weight}.ttf", target)
            size = target.stat().st_size / 1e6
            print(f"{count} characters, {size:.1f} MB, {time.monotonic() - began:.0f} s")
        shutil.copyfile(package / "LICENSE_FONT", OUTPUT / LICENCE)


if __name__ == "__main__":
    main()
