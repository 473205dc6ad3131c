"use strict";
// The table of all runs: sorted, filtered, and downloaded; every score is in the page once, as JSON.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = Object.fromEntries(data.columns.map((name, index) => [name, index]));
  const PAGE = 100;
  const FILTERS = ["set", "image", "kind", "scale", "method"];
  const form = document.getElementById("filters");
  const table = document.getElementById("runs-table");
  let sorted = null, descending = false, limit = PAGE;

  const number = value => (value === "inf" ? Infinity : value === "-inf" ? -Infinity : value);
  const shown = (name, value) => (data.names[name] || {})[value] ?? String(value);
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b
    : String(a).localeCompare(String(b), undefined, { numeric: true }));

  function digits(value, decimals, signed) {
    value = number(value);
    if (value === null || value === undefined) return "–";
    if (!Number.isFinite(value)) return "∞";
    return (signed && value >= 0 ? "+" : "") + value.toFixed(decimals).replace("-", "−");
  }

  function text(row, [, name, decimals, pair]) {
    const value = row[at[name]];
    if (pair) return value === null ? "–" : `${digits(value, decimals, true)}, ${digits(row[at[pair]], decimals, true)}`;
    return decimals === null ? shown(name, value) : digits(value, decimals, false);
  }

  function key(row, [, name, , pair]) { // a shift is sorted by its length
    const value = number(row[at[name]]);
    return pair && value !== null ? Math.hypot(value, row[at[pair]]) : value;
  }

  function chosen() {
    const fields = Object.fromEntries(FILTERS.map(name => [name, form.elements[name].value]));
    const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = data.rows.filter(row => {
      if (FILTERS.some(name => fields[name] && String(row[at[name]]) !== fields[name])) return false;
      const line = FILTERS.map(name => `${row[at[name]]} ${shown(name, row[at[name]])}`).join(" ").toLowerCase();
      return words.every(word => line.includes(word));
    });
    if (!sorted) return rows;
    return rows.sort((a, b) => {
      const [x, y] = [key(a, sorted), key(b, sorted)];
      if (x === null || y === null) return (x === null) - (y === null); // what failed comes last either way
      return descending ? compare(y, x) : compare(x, y);
    });
  }

  function cell(tag, content, left) {
    const made = document.createElement(tag);
    if (tag === "th") made.scope = "row";
    if (left) made.className = "l";
    made.textContent = content;
    return made;
  }

  function draw() {
    const rows = chosen();
    const lines = rows.slice(0, limit).map(row => {
      const line = document.createElement("tr");
      line.append(...data.table.map((column, index) =>
        cell(index ? "td" : "th", text(row, column), column[2] === null)));
      return line;
    });
    table.tBodies[0].replaceChildren(...lines);
    const failed = rows.filter(row => row[at.status] !== "ok").length;
    document.getElementById("runs-count").textContent = `${rows.length} of ${data.rows.length} runs`
      + (failed ? `, ${failed} failed` : "") + (rows.length > limit ? `; the first ${limit} are shown` : "");
    document.getElementById("more").hidden = rows.length <= limit;
    for (const head of table.tHead.querySelectorAll("th")) {
      const mine = sorted && head.dataset.name === sorted[1];
      head.setAttribute("aria-sort", mine ? (descending ? "descending" : "ascending") : "none");
    }
  }

  function header(column) {
    const head = cell("th", "", column[2] === null), button = document.createElement("button");
    head.scope = "col";
    head.dataset.name = column[1];
    button.type = "button";
    button.textContent = column[0];
    button.addEventListener("click", () => {
      descending = sorted === column ? !descending : false;
      sorted = column;
      draw();
    });
    head.append(button);
    return head;
  }

  function csv() {
    const quoted = value => {
      const plain = value === null || value === undefined ? "" : String(value);
      return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
    };
    return [data.columns, ...data.rows].map(row => row.map(quoted).join(",")).join("\r\n") + "\r\n";
  }

  for (const element of document.querySelectorAll(".script-only")) element.hidden = false;
  for (const name of FILTERS) {
    const values = [...new Set(data.rows.map(row => row[at[name]]))].sort(compare);
    form.elements[name].append(new Option("all", ""), ...values.map(value => new Option(shown(name, value), value)));
  }
  const top = document.createElement("tr");
  top.append(...data.table.map(header));
  table.tHead.append(top);
  document.getElementById("runs-about").textContent = `Protocol ${data.protocol}. A column's title sorts by it.`;
  form.addEventListener("input", () => { limit = PAGE; draw(); });
  form.addEventListener("submit", event => event.preventDefault());
  document.getElementById("more").addEventListener("click", () => { limit += 10 * PAGE; draw(); });
  document.getElementById("download").href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  draw();
})();
