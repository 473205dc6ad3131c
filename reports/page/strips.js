// The pictures: a comparison with a slider, and zoom and movement that all pictures of a strip share.
(() => {
  const MOST = 16; // times
  const STEP = 24; // px of the page that an arrow key moves
  const SMOOTH_BELOW = 3; // from this zoom on, pixels are drawn as squares

  function equip(strip) {
    const crops = [...strip.querySelectorAll(".crop")];
    const compare = strip.querySelector(".compare"), cut = strip.querySelector(".cut");
    const row = strip.querySelector(".pictures");
    let zoom = 1, x = 0, y = 0; // the upper left corner of a picture, as parts of its size, 0 or less

    function place() {
      x = Math.min(0, Math.max(1 - zoom, x));
      y = Math.min(0, Math.max(1 - zoom, y));
      const style = strip.style;
      style.setProperty("--z", zoom);
      // The transform's origin is the upper left corner; per cent are of the picture's own size.
      style.setProperty("--x", `${100 * x}%`);
      style.setProperty("--y", `${100 * y}%`);
      style.setProperty("--rendering", zoom < SMOOTH_BELOW ? "auto" : "pixelated");
      strip.classList.toggle("zoomed", zoom > 1);
      strip.querySelector(".zoom").textContent = `${zoom.toFixed(1).replace(/\.0$/, "")}×`;
    }

    function zoomTo(wanted, at = [0.5, 0.5]) { // what is at that part of the picture stays there
      wanted = Math.min(MOST, Math.max(1, wanted));
      x = at[0] - (at[0] - x) * wanted / zoom;
      y = at[1] - (at[1] - y) * wanted / zoom;
      zoom = wanted;
      place();
    }

    function zoomBy(word) { zoomTo({ in: zoom * 1.5, out: zoom / 1.5, reset: 1 }[word]); }

    function part(event, element) {
      const box = element.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    }

    function show(side) {
      const picked = crops[strip.querySelector(`.pick-${side}`).value], image = compare.querySelector(`.${side}`);
      image.src = picked.src;
      image.alt = picked.alt;
      image.classList.toggle("lr", picked.classList.contains("lr"));
      const select = strip.querySelector(`.pick-${side}`);
      compare.querySelector(`.tag-${side}`).textContent = select.options[select.selectedIndex].text;
    }

    function divide(percent) {
      cut.value = percent;
      compare.style.setProperty("--cut", `${cut.value}%`);
      cut.setAttribute("aria-valuetext", `${cut.value} % left`);
    }

    function drag(element, begin, move) {
      element.addEventListener("pointerdown", event => {
        if (event.button || !begin(event)) return;
        let last = event;
        const moved = next => { move(next, last); last = next; };
        const ended = () => element.removeEventListener("pointermove", moved);
        element.setPointerCapture(event.pointerId);
        element.addEventListener("pointermove", moved);
        for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, ended, { once: true });
        event.preventDefault();
      });
    }

    for (const side of ["left", "right"]) {
      strip.querySelector(`.pick-${side}`).addEventListener("change", () => show(side));
      show(side);
    }
    cut.addEventListener("input", () => divide(cut.value));
    drag(compare, event => { divide(100 * part(event, compare)[0]); return true; },
      event => divide(100 * part(event, compare)[0]));
    for (const view of strip.querySelectorAll(".view")) {
      view.addEventListener("dblclick", event => zoomTo(zoom < MOST ? zoom * 2 : 1, part(event, view)));
      if (compare.contains(view)) continue;
      drag(view, () => zoom > 1, (event, last) => {
        x += (event.clientX - last.clientX) / view.clientWidth;
        y += (event.clientY - last.clientY) / view.clientHeight;
        place();
      });
    }
    for (const button of strip.querySelectorAll("[data-zoom]")) {
      button.addEventListener("click", () => zoomBy(button.dataset.zoom));
    }
    row.addEventListener("keydown", event => {
      const word = { "+": "in", "=": "in", "-": "out", "0": "reset" }[event.key];
      const step = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (event.ctrlKey || event.metaKey || event.altKey || !(word || (step && zoom > 1))) return;
      if (word) zoomBy(word);
      else {
        const box = row.querySelector(".view");
        x += step[0] * STEP / box.clientWidth;
        y += step[1] * STEP / box.clientHeight;
        place();
      }
      event.preventDefault();
    });
    divide(50);
    place();
  }

  for (const strip of document.querySelectorAll(".strip")) {
    const first = () => {
      if (!strip.open) return;
      strip.removeEventListener("toggle", first);
      equip(strip);
    };
    strip.addEventListener("toggle", first);
    first();
  }
})();
