"""The HTML page in Chromium, on a wide screen and on a phone's: what its script does."""

import json
import re
import shutil
import subprocess
from urllib.parse import unquote

import pytest
from pages import page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

WIDTHS = (1400, 390)

PROBE = """
<script>
window.addEventListener("load", async () => {
  const found = {errors: window.failures, width: innerWidth};
  const $ = selector => document.querySelector(selector), all = selector => [...document.querySelectorAll(selector)];
  const column = index => all("#runs-table tbody tr").map(row => row.children[index].textContent);
  const box = selector => $(selector).getBoundingClientRect();
  const wait = () => new Promise(done => setTimeout(done, 50));
  try {
    found.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    found.rows = column(0).length;
    const psnr = all("#runs-table thead th").findIndex(head => head.dataset.name === "psnr_ike");
    const sort = $(`#runs-table thead th:nth-child(${psnr + 1}) button`);
    sort.click(); found.ascending = column(psnr).map(Number);
    sort.click(); found.descending = column(psnr).map(Number);
    found.sorted = $(`#runs-table thead th:nth-child(${psnr + 1})`).getAttribute("aria-sort");
    const form = $("#filters");
    form.elements.method.value = "ike"; form.elements.kind.value = "random";
    form.dispatchEvent(new Event("input")); found.filtered = column(4);
    form.elements.search.value = "nothing like it";
    form.dispatchEvent(new Event("input")); found.none = $("#runs-count").textContent;
    found.csv = await (await fetch($("#download").href)).text();

    found.left = $(".compare .left").alt; found.right = $(".compare .right").alt;
    const cut = $(".cut");
    cut.value = 20; cut.dispatchEvent(new Event("input"));
    await wait();
    found.cut = (box(".divider").left + box(".divider").width / 2 - box(".compare").left) / box(".compare").width;
    found.clip = getComputedStyle($(".right-half")).clipPath;
    const pick = $(".pick-left"); pick.value = "1"; pick.dispatchEvent(new Event("change"));
    found.picked = $(".compare .left").alt;

    const strip = $(".strip"), row = strip.querySelector(".pictures");
    const key = name => row.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true}));
    const boxes = () => [...strip.querySelectorAll(".crop")].map(image => {
      const outer = image.parentNode.getBoundingClientRect(), inner = image.getBoundingClientRect();
      return [inner.width / outer.width, (inner.left - outer.left) / outer.width].map(n => +n.toFixed(3));
    });
    key("+"); key("ArrowLeft"); await wait(); found.zoomed = boxes();
    key("ArrowLeft"); for (let i = 0; i < 40; i++) key("ArrowLeft"); await wait(); found.rim = boxes();
    key("0"); await wait(); found.reset = boxes();

    const scroll = $("#tables .scroll"), head = scroll.querySelector("tbody th");
    const before = head.getBoundingClientRect().left;
    scroll.scrollLeft = 100;
    await wait();
    found.scrolled = scroll.scrollLeft; found.stuck = head.getBoundingClientRect().left - before;
    const second = all(".strip")[2]; second.open = true; await wait(); await wait();
    found.later = second.querySelector(".compare .right").alt;
    found.unloaded = all("img[src]").filter(image => image.complete && !image.naturalWidth).length;
  } catch (error) { found.errors.push(String(error)); }
  parent.postMessage(found, "*");
});
</script>
"""
FRAME = """<!doctype html>
<iframe src="PAGE" style="border: 0; width: WIDTHpx; height: 900px"></iframe>
<script>
addEventListener("message", event => {
  const out = document.createElement("pre");
  out.id = "found"; out.textContent = encodeURIComponent(JSON.stringify(event.data));
  document.body.append(out);
});
</script>
"""
"""A window is never narrower than 500 px, a frame in it may be."""
LISTEN = "<script>window.failures = []; addEventListener('error', e => failures.push(e.message));</script>"


def chromium(*arguments):
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return page(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module", params=WIDTHS)
def found(request, drawn, tmp_path_factory):
    """What a script at the end of the page saw and did."""
    folder = tmp_path_factory.mktemp("probed")
    path, text = folder / "page.html", drawn.read_text(encoding="utf-8")
    path.write_text(text.replace("<head>", "<head>" + LISTEN).replace("</body>", PROBE + "</body>"), encoding="utf-8")
    frame = folder / "frame.html"
    frame.write_text(FRAME.replace("PAGE", path.name).replace("WIDTH", str(request.param)))
    dom = chromium(f"--user-data-dir={folder / 'profile'}", "--window-size=1500,1000", "--dump-dom", frame.as_uri())
    saw = json.loads(unquote(re.search(r'<pre id="found">([^<]*)</pre>', dom).group(1)))
    assert saw["errors"] == []
    return saw | {"asked": request.param}


def test_it_fits_the_screen(found):
    assert found["width"] == found["asked"]
    assert found["overflow"] <= 0
    assert found["unloaded"] == 0


def test_the_table_is_sorted_and_filtered(found):
    assert found["rows"] == 18
    assert found["ascending"] == sorted(found["ascending"]) == found["descending"][::-1]
    assert found["ascending"][0] == 16 and found["sorted"] == "descending"
    assert found["filtered"] == ["IKE"] * 3
    assert found["none"].startswith("0 of 18 runs")


def test_the_data_are_downloaded(found):
    lines = found["csv"].splitlines()
    assert lines[0].startswith("set,image,kind,scale,method,seed") and len(lines) == 19


def test_the_slider_divides_two_pictures_that_can_be_chosen(found):
    assert found["left"].startswith("Bicubic, crop of") and found["right"].startswith("IKE, crop of")  # worst, best
    assert abs(found["cut"] - 0.2) < 0.01 and "20%" in found["clip"]
    assert found["picked"].startswith("LR crop of")
    assert found["later"].startswith("IKE, crop of")  # of a strip that was opened later


def test_all_pictures_of_a_strip_zoom_and_move_together(found):
    assert len(found["zoomed"]) == 5 and len({tuple(box) for box in found["zoomed"]}) == 1
    width, left = found["zoomed"][0]
    assert width == 1.5 and -0.25 < left <= 0  # the middle stayed, then the arrow moved it
    assert found["rim"] == [[1.5, 0]] * 5
    assert found["reset"] == [[1, 0]] * 5


def test_the_first_column_stays_on_a_narrow_screen(found):
    assert found["stuck"] == 0
    assert found["asked"] == 1400 or found["scrolled"] > 20


@pytest.mark.parametrize("width", WIDTHS)
def test_a_screenshot_is_of_the_width(drawn, tmp_path, width):
    cv2 = pytest.importorskip("cv2")
    target = tmp_path / "page.png"
    arguments = (f"--window-size={width},900", f"--screenshot={target}", "--hide-scrollbars")
    chromium(f"--user-data-dir={tmp_path / 'profile'}", *arguments, drawn.as_uri())
    image = cv2.imread(str(target))
    assert image.shape[1] == width and image.std() > 5
