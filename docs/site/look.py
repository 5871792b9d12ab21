"""Look at the site in a real browser: ``python -m docs.site.look results/site/html --out shots``.

Every page is opened at the width of a telephone, a tablet and a desk, in light and dark. Said of each: pictures that
are missing, formulas that MathJax could not set, requests that left the machine, and content wider than the window.
Pages named by ``--shoot`` are kept as pictures. It needs the package ``playwright`` and a Chromium, such as Debian's.
"""

# pyright: reportMissingImports=false, reportMissingModuleSource=false

from __future__ import annotations

import argparse
import functools
import http.server
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

PATIENCE = 180_000  # milliseconds for a page of hundreds of formulas on a busy machine
WIDTHS = {"phone": 390, "tablet": 820, "desk": 1440}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
FAULTS = """() => {
    const faults = [];
    for (const image of document.images)
        if (!image.complete || image.naturalWidth === 0) faults.push(`missing picture ${image.getAttribute('src')}`);
    for (const wrong of document.querySelectorAll('mjx-merror, .MathJax_Error'))
        faults.push(`formula not set: ${wrong.textContent.slice(0, 60)}`);
    const room = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > room + 1) {
        const wide = [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > room + 1);
        const first = wide.find(e => ![...wide].some(other => other !== e && other.contains(e))) || wide[0];
        faults.push(`content ${document.documentElement.scrollWidth - room} px wider than the window`
            + (first ? ` at <${first.tagName.toLowerCase()} class="${first.className}">` : ''));
    }
    return faults;
}"""

FORMULAS_SET = "() => window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => true) : true"
DECODED = """() => Promise.all([...document.images].map(image => {
    image.loading = 'eager';
    return image.decode().catch(() => false);
})).then(() => true)"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *_arguments: Any) -> None:
        """Say nothing: faults are what is told."""


def serve(folder: Path) -> http.server.ThreadingHTTPServer:
    """Serve a folder on a free port of this machine, until ``shutdown()``."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def visit(page: Any, address: str) -> list[str]:
    """Open a page, wait for its formulas, bring every picture into view; what is wrong with it."""
    page.goto(address, wait_until="load")
    page.evaluate(FORMULAS_SET)
    page.evaluate(DECODED)
    return page.evaluate(FAULTS)


def look(folder: Path, out: Path, names: list[str], shoot: list[str], browser: str) -> list[str]:
    """Visit pages at every width and in both themes; the faults, each with page, width and theme."""
    from playwright.sync_api import sync_playwright

    server, found = serve(folder), []
    root = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        with sync_playwright() as driver:
            engine = driver.chromium.launch(executable_path=browser, args=FLAGS)
            for theme in ("light", "dark"):
                for width, pixels in WIDTHS.items():
                    context = engine.new_context(viewport={"width": pixels, "height": 900}, color_scheme=theme)
                    context.add_init_script(
                        f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')"
                    )
                    page, outside = context.new_page(), list[str]()
                    page.set_default_timeout(PATIENCE)

                    def note(sent: Any, kept: list[str] = outside) -> None:
                        if not sent.url.startswith((root, "data:", "blob:")):
                            kept.append(sent.url)

                    page.on("request", note)
                    for name in names:
                        faults = visit(page, root + name)
                        found += [f"{name} ({width}, {theme}): {fault}" for fault in faults]
                        if name in shoot:
                            file = out / f"{name.removesuffix('.html').replace('/', '_')}_{width}_{theme}.png"
                            page.screenshot(path=str(file), full_page=True)
                    found += [f"({width}, {theme}): asked for {address}" for address in sorted(set(outside))]
                    context.close()
            engine.close()
    finally:
        server.shutdown()
    return found


def main() -> int:
    """Read the options, look, and say what was found."""
    options = argparse.ArgumentParser(
        prog="python -m docs.site.look", description="Look at the site in a real browser."
    )
    options.add_argument("folder", type=Path, help="of the built site, such as results/site/html")
    options.add_argument(
        "--out", type=Path, default=Path("results/site/shots"), help="folder of pictures (%(default)s)"
    )
    options.add_argument("--pages", nargs="*", default=[], help="pages to visit, such as index.html (default: all)")
    options.add_argument("--shoot", nargs="*", default=[], help="pages to keep as pictures (default: none)")
    options.add_argument("--browser", default=shutil.which("chromium") or "", help="path of Chromium (%(default)s)")
    chosen = options.parse_args()
    if not (chosen.folder / "index.html").is_file():
        print(f"folder {chosen.folder} has no index.html; build the site first: python -m docs.site", file=sys.stderr)
        return 2
    if not Path(chosen.browser).is_file():
        print("--browser must be the path of a Chromium; on Debian: apt-get install chromium", file=sys.stderr)
        return 2
    pages = [str(path.relative_to(chosen.folder)) for path in sorted(chosen.folder.rglob("*.html"))]
    pages = [name for name in pages if not name.startswith(("_static", "source/"))]
    if unknown := sorted({*chosen.pages, *chosen.shoot} - set(pages)):
        print(f"no page {unknown[0]} in {chosen.folder}", file=sys.stderr)
        return 2
    chosen.out.mkdir(parents=True, exist_ok=True)
    names = sorted({*(chosen.pages or pages), *chosen.shoot})
    found = look(chosen.folder, chosen.out, names, chosen.shoot, chosen.browser)
    print(
        "\n".join(found)
        or f"{len(names)} pages at {len(WIDTHS)} widths, light and dark: nothing missing, nothing too wide"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
