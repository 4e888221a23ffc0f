"""The notebook widget tried in a real browser, by clicking: `make test-browser`.

Needs Debian's chromium and chromium-driver, and from PyPI jupyterlab, marimo, selenium. Nothing but this machine is
reached. Every wait ends; so does the whole program, after --limit seconds.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from pathlib import Path

import in_lab
import in_marimo
from machinery import Browser, wait
from PIL import Image

SETUP = """import latentmim as lm
{encoder}
explorer = lm.explore(encoder, {images})"""
SMALL = "encoder = lm.LatentMIM(grid=14, patch_size=8, width=48, depth=3, heads=3, seed=1).encoder"
DRAWN = """import numpy as np
y, x = np.mgrid[0:1:112j, 0:1:160j]
images = [np.uint8(255 * np.stack([x, y, np.hypot(x - c, y - c) < 0.3], -1)) for c in (0.3, 0.5, 0.7)]"""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, help="of an encoder; a small one at random if not given")
    parser.add_argument("--images", type=Path, nargs="+", help="photographs; drawn ones if not given")
    parser.add_argument("--out", type=Path, default=Path("runs/browser"), help="where screenshots go")
    parser.add_argument("--picture", type=Path, help="write docs/explore.png or another picture, after one more click")
    parser.add_argument("--patch", type=float, nargs=2, default=(0.5, 0.5), help="where: shares of width and height")
    parser.add_argument("--threshold", type=float, default=0.3, help="for that picture")
    parser.add_argument("--limit", type=int, default=300, help="seconds after which the program gives up")
    return parser.parse_args()


def give_up(*_: object) -> None:
    raise SystemExit("the browser test took too long and was ended; its screenshots show how far it came")


def cells(chosen: argparse.Namespace, several: bool) -> list[str]:
    encoder = f"encoder = lm.load_encoder({str(chosen.weights.resolve())!r})" if chosen.weights else SMALL
    paths = [str(path.resolve()) for path in chosen.images or []]
    if paths:
        return [SETUP.format(encoder=encoder, images=paths if several else [paths[0]]), "explorer"]
    return [SETUP.format(encoder=f"{DRAWN}\n{encoder}", images="images" if several else "images[0]"), "explorer"]


def check_one(browser: Browser, url: str, runtime: Path, out: Path) -> None:
    in_lab.open_notebook(browser, url, "one.ipynb")
    in_lab.run_all(browser)
    kernel = in_lab.Kernel(browser, runtime)
    grid, depth = tuple(kernel.value("explorer._features.grids[0]")), kernel.value("explorer._depth")
    browser.picture(out / "lab_first.png")
    in_lab.check_clicking(browser, kernel, grid)
    browser.picture(out / "lab_similarity.png", browser.one(".lm-explore"))
    in_lab.check_sliders(browser, kernel, depth)
    in_lab.check_views(browser, kernel)
    in_lab.check_keys(browser, kernel)
    in_lab.check_from_python(browser, kernel)
    in_lab.check_errors(browser, kernel)
    for view in ("segments", "pca"):
        kernel.run(f"explorer.view = '{view}'")
        wait(view, lambda view=view: browser.one(f"[data-view={view}]").get_attribute("aria-pressed") == "true")
        browser.picture(out / f"lab_{view}.png", browser.one(".lm-explore"))


def check_two(browser: Browser, url: str, runtime: Path, out: Path) -> None:
    in_lab.open_notebook(browser, url, "two.ipynb")
    in_lab.run_all(browser)
    in_lab.check_twice_and_another(browser, in_lab.Kernel(browser, runtime))
    in_lab.check_restart(browser, out / "lab_restarted.png")


def take_picture(browser: Browser, url: str, runtime: Path, chosen: argparse.Namespace) -> None:
    """One for the documents, similarities over segments: in 256 colours, which makes it small."""
    browser.driver.set_window_size(1190, 900)
    in_lab.open_notebook(browser, url, "several.ipynb")
    in_lab.run_all(browser)
    kernel = in_lab.Kernel(browser, runtime)
    kernel.run(f"explorer.threshold = {chosen.threshold}")
    browser.click(browser.one(".lm-explore canvas"), *chosen.patch)
    wait("the patch", lambda: kernel.value("explorer._shown['number']") == 2)
    browser.leave()
    wait("its description", lambda: "similarity 1.00" in browser.one(".lm-status").text)
    parts = [in_lab.shown(browser)]
    kernel.run("explorer.view = 'segments'")
    wait("segments", lambda: "segment " in browser.one(".lm-status").text)
    parts.append(in_lab.shown(browser))
    picture = Image.new("RGB", (parts[0].width, sum(part.height + 12 for part in parts) - 12), "white")
    picture.paste(parts[0], (0, 0))
    picture.paste(parts[1], (0, parts[0].height + 12))
    # Other methods turn the few yellow pixels of the map into orange ones.
    small = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(chosen.picture, optimize=True)


def check_several(browser: Browser, url: str, runtime: Path, out: Path) -> None:
    in_lab.open_notebook(browser, url, "several.ipynb")
    in_lab.run_all(browser)
    kernel = in_lab.Kernel(browser, runtime)
    in_lab.set_theme(browser, "JupyterLab Dark")
    in_lab.check_several(browser, kernel, kernel.value("len(explorer._names)"))
    browser.picture(out / "lab_several_segments_dark.png")
    kernel.run("explorer.view = 'similarity'")
    wait("similarities", lambda: "similarity" in browser.one(".lm-status").text)
    browser.picture(out / "lab_several_dark.png")
    browser.driver.set_window_size(520, 900)
    browser.picture(out / "lab_narrow_dark.png")
    browser.driver.set_window_size(1280, 900)
    in_lab.set_theme(browser, "JupyterLab Light")


def main() -> None:
    chosen = options()
    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, give_up)
    signal.alarm(chosen.limit)
    out = chosen.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder, runtime = Path(scratch, "notebooks"), Path(scratch, "runtime")
        folder.mkdir()
        runtime.mkdir()
        os.environ |= {"JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_DIR": str(runtime / "config"),
                       "JUPYTER_DATA_DIR": str(runtime / "data"), "HOME": scratch}  # fmt: skip
        for name, several in (("one", False), ("several", True)):
            (folder / f"{name}.ipynb").write_text(in_lab.notebook(cells(chosen, several)))
        twice = [*cells(chosen, False), "explorer", "other = lm.explore(encoder, explorer._features.images)\nother"]
        (folder / "two.ipynb").write_text(in_lab.notebook(twice))
        with Browser(1280, 900) as browser:
            try:
                with in_lab.lab(folder, runtime) as url:
                    for check in (check_one, check_several, check_two):
                        check(browser, url, runtime, out)
                        print(f"JupyterLab: {check.__name__} passed", flush=True)
                    if chosen.picture:
                        take_picture(browser, url, runtime, chosen)
                in_marimo.check(browser, folder, runtime, cells(chosen, False), out)
                print("marimo: passed", flush=True)
                assert not browser.complaints(), json.dumps(browser.complaints(), indent=1)
            except BaseException:
                browser.picture(out / "failure.png")
                print(f"failed; see {out / 'failure.png'}", file=sys.stderr)
                raise
    print(f"screenshots in {out}")


if __name__ == "__main__":
    main()
