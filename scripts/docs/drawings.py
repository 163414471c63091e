"""Figures as PNG, at twice their size: drawn by a Chromium, all in one run, where there is one.

A browser draws what a browser shows; no package is needed for it. Without a Chromium (`make debian` installs one) the
site has the SVG alone.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gradcert.derivations.reading.standalone import SHEET

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCALE = 2
# a picture takes no font from the machine's pages: those of the formulas come along, under the name that is asked for
FACES = (("Times New Roman", "italic", "KaTeX_Math-Italic"), ("Times New Roman", "normal", "KaTeX_Main-Regular"))

PAGE = """<!doctype html><meta charset="utf-8"><body><script>
const [all, fonts, scale] = %s;
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  const found = {};
  for (const [name, svg] of Object.entries(all)) {
    const image = new Image();
    image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(svg.replace('<desc>', fonts + '<desc>'));
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth * scale; canvas.height = image.naturalHeight * scale;
    const draw = () => canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    draw(); await wait(60); draw();  // fonts are there at the second time
    found[name] = canvas.toDataURL('image/png').split(',')[1];
  }
  document.body.textContent = 'FOUND' + JSON.stringify(found) + 'END';
})();
</script></body>"""


def rasterised(svgs: Sequence[Path], *, browser: str | None = BROWSER) -> list[Path]:
    """Write a PNG beside every SVG file; return their paths, none without a browser.

    Raises
    ------
    RuntimeError : if the browser draws nothing.
    """
    if browser is None or not svgs:
        return []
    folder = SHEET.parent / "fonts"
    faces = ""
    for family, style, file in FACES:
        data = base64.b64encode((folder / f"{file}.woff2").read_bytes()).decode()
        faces += f"@font-face{{font-family:'{family}';font-style:{style};src:url(data:font/woff2;base64,{data})}}"
    texts = {str(n): path.read_text(encoding="utf-8") for n, path in enumerate(svgs)}
    given = json.dumps([texts, f"<style>{faces}</style>", SCALE]).replace("</", "<\\/")
    with tempfile.TemporaryDirectory() as place:
        page = Path(place) / "drawings.html"
        page.write_text(PAGE % given, encoding="utf-8")
        command = [browser, f"--user-data-dir={place}/profile", "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--virtual-time-budget=120000", "--dump-dom", page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    match = re.search(r"FOUND(.*)END", done.stdout, re.DOTALL)
    if match is None:
        raise RuntimeError(f"the browser drew no figure: {done.stderr[-500:]}")
    paths = []
    for n, data in json.loads(match[1]).items():
        paths.append(svgs[int(n)].with_suffix(".png"))
        paths[-1].write_bytes(base64.b64decode(data))
    return paths
