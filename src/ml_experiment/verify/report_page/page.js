"use strict";
(() => {
  const root = document.documentElement;
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const color = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const hovers = window.matchMedia("(hover: hover)").matches;
  const stateColors = {
    COMPLETE: "--accent", FAIL: "--bad", PRUNED: "--mid", RUNNING: "--soft",
  };

  function axis(given) {
    return {
      automargin: true, gridcolor: color("--line"), linecolor: color("--line"),
      zerolinecolor: color("--line"), ...given,
    };
  }

  // Between the page's own two colours of a scale; 1 is the stronger one.
  function shade(share) {
    const parts = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
    const [from, to] = [parts(color("--faint")), parts(color("--strong"))];
    const mixed = from.map((low, at) => Math.round(low + share * (to[at] - low)));
    return "rgb(" + mixed.join(",") + ")";
  }

  function layoutOf(spec, narrow) {
    const layout = {
      ...spec.layout, autosize: true, paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 50, r: 20, t: 20, b: 40 },
      font: { family: "inherit", size: 12, color: color("--ink") },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      colorway: [color("--accent"), color("--bad"), color("--good"), color("--mid")],
      hoverlabel: { align: "left" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: color("--soft") },
    };
    for (const name of new Set(["xaxis", "yaxis", ...Object.keys(layout)])) {
      if (/^[xy]axis\d*$/.test(name)) layout[name] = axis(layout[name]);
    }
    for (const note of layout.annotations ?? []) {
      note.font = { ...note.font, color: color("--ink") };
    }
    for (const shape of layout.shapes ?? []) {
      shape.line = { ...shape.line, color: color("--soft") };
    }
    return layout;
  }

  function tracesOf(spec, narrow) {
    return spec.data.map((given) => {
      const trace = { ...given };
      const bar = { thickness: 10, len: 1, outlinewidth: 0 };
      const scale = [[0, color("--faint")], [1, color("--strong")]];
      if (trace.marker) {
        trace.marker = { ...trace.marker };
        if (trace.name in stateColors) {
          trace.marker.color = color(stateColors[trace.name]);
        }
        if (trace.marker.colorbar) {
          trace.marker.colorscale = scale;
          trace.marker.colorbar = { ...trace.marker.colorbar, ...bar, x: 1.02, xpad: 0 };
          trace.marker.showscale = !narrow;
        }
        if (trace.marker.line) {
          trace.marker.line = { ...trace.marker.line, color: color("--soft") };
        }
      }
      if (typeof trace.meta === "number") {
        trace.line = { ...trace.line, color: shade(trace.meta) };
      }
      return trace;
    });
  }

  function draw(element) {
    const spec = specs[Number(element.dataset.figure)];
    element.style.minWidth = (spec.layout.meta?.axes ?? 0) * 70 + "px";
    const narrow = element.clientWidth < 360;
    const options = {
      responsive: true, displaylogo: false, displayModeBar: hovers ? "hover" : false,
    };
    return Plotly.react(
      element, tracesOf(spec, narrow), layoutOf(spec, narrow), options,
    );
  }

  async function drawAll() {
    let drawn = 0;
    for (const element of plots) {
      try {
        await draw(element);
        drawn += 1;
      } catch (error) {
        window.reportErrors.push(String(error));
        root.dataset.errors = window.reportErrors.join(" | ");
        element.textContent = "Not drawn: " + error;
      }
      root.dataset.figures = drawn + " of " + plots.length;
    }
  }

  function content(row, place) {
    const cell = row.cells[place];
    return cell.dataset.v ?? cell.textContent;
  }

  function compare(numeric, a, b) {
    if (a === "" || b === "") return (a === "") - (b === "");
    if (!numeric) return a.localeCompare(b, undefined, { numeric: true });
    const number = (text) => Number(text.replace("inf", "Infinity"));
    return number(a) - number(b);
  }

  function sortBy(table, heading) {
    const place = heading.cellIndex;
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const numeric = heading.classList.contains("number");
    const rows = [...table.tBodies[0].rows].map((row) => [content(row, place), row]);
    rows.sort(([a], [b]) => {
      const order = compare(numeric, a, b);
      return down && a !== "" && b !== "" ? -order : order;
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }

  const table = document.getElementById("trials");
  if (table) {
    for (const heading of table.tHead.rows[0].cells) {
      heading.firstElementChild.addEventListener("click", () => sortBy(table, heading));
    }
    const chosen = document.getElementById("state");
    chosen.addEventListener("change", () => {
      let count = 0;
      for (const row of table.tBodies[0].rows) {
        row.hidden = chosen.value !== "" && row.dataset.state !== chosen.value;
        count += !row.hidden;
      }
      document.getElementById("shown").textContent = count + " trials";
    });
  }

  if (typeof Plotly !== "undefined") {
    dark.addEventListener("change", drawAll);
    drawAll();
  }
})();
