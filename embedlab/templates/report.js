"use strict";
// Draws the figures from their data blocks, follows the reader's light or dark, and links the two sides of a map.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const colours = read("dark");
  const inSpans = /color:#[0-9A-F]{6}/g;
  const theirs = new Set(["ticktext", "customdata", "hovertext", "name", "legendgroup"]); // a person's text: never repainted

  // The figures are written in light; dark is the same object with every colour of the palette exchanged.
  const paint = (value, key) => {
    if (theirs.has(key)) return value;
    if (typeof value === "string") {
      if (key === "text") return value.replace(inSpans, (c) => "color:" + (colours[c.slice(6)] || c.slice(6)));
      return colours[value] || value;
    }
    if (Array.isArray(value)) return value.map((item) => paint(item, key));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, paint(item, name)]));
    }
    return value;
  };

  // A figure with its file name; what the points of a linked map say stands once in its block, for both sides.
  const drawing = (plot) => {
    const { figure, file, texts } = read(plot.dataset.figure);
    if (texts) figure.data.forEach((trace) => { trace.text = trace.customdata.map((datum) => texts[datum[0]]); });
    return { figure, file };
  };

  // A subtitle longer than the page is wide goes on in a second line, from one of its middle dots.
  const fit = (layout, width) => {
    const subtitle = layout.title && layout.title.subtitle;
    if (!subtitle || !subtitle.text || subtitle.text.replace(/<[^>]*>/g, "").length * 5.4 < width) return;
    const cut = subtitle.text.lastIndexOf(" · ", width / 5.4);
    if (cut > 0) subtitle.text = subtitle.text.slice(0, cut) + "<br>" + subtitle.text.slice(cut + 3);
  };

  // A legend that needs several rows grows upwards: as much room is made for it above the panels.
  const roomFor = (data, layout, width) => {
    const names = data.filter((trace) => trace.showlegend).map((trace) => 46 + 6.6 * trace.name.length);
    let rows = 1, used = 0;
    names.forEach((wide) => { if (used && used + wide > width) { rows += 1; used = 0; } used += wide; });
    layout.margin.t += 22 * (rows - 1);
    layout.height += 22 * (rows - 1);
  };

  const plots = [...document.querySelectorAll(".plot")];
  const draw = (plot, printing) => {
    const { figure } = drawing(plot);
    const isDark = dark.matches && !printing;
    const { data, layout } = isDark ? paint(figure, "") : figure;
    const linked = "linked" in plot.dataset;
    layout.width = printing ? 690 : undefined;
    fit(layout, layout.width || plot.clientWidth);
    if (linked) roomFor(data, layout, layout.width || plot.clientWidth);
    layout.autosize = !printing;
    if (!linked) layout.dragmode = false;
    if (printing || plot.clientWidth < 880) { // too narrow for the definitions: the table below the strip has them
      layout.annotations = (layout.annotations || []).filter((note) => note.name !== "definition");
    }
    if (plot.clientWidth < 640 && linked && !printing) layout.legend = { ...layout.legend, y: 1.09 };
    return Plotly.react(plot, data, layout, {
      responsive: !printing,
      displaylogo: false,
      displayModeBar: false,
      scrollZoom: false,
      doubleClick: linked ? false : "reset",
    });
  };

  const written = (x) => (x < 1 ? x.toFixed(2).replace(/^0/, "") : x.toFixed(2));
  const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;

  const link = (plot) => {
    const { senses, uses } = read(plot.dataset.figure);
    const line = document.getElementById(plot.id + "-line");
    const rows = document.querySelectorAll(`[data-contexts="${plot.id}"] tr[data-row]`);
    const all = Object.values(uses).map((use) => use[1]).filter((x) => x !== null);
    const show = (chosen) => {
      const picked = chosen && chosen.size ? chosen : null;
      const points = plot.data.map((trace) =>
        picked ? trace.customdata.flatMap((datum, i) => (picked.has(String(datum[0])) ? [i] : [])) : null);
      Plotly.restyle(plot, { selectedpoints: points });
      rows.forEach((row) => row.classList.toggle("on", Boolean(picked) && picked.has(row.dataset.row)));
      line.replaceChildren();
      if (!picked) return;
      const changes = [...picked].map((id) => uses[id][1]).filter((x) => x !== null);
      const tally = senses.map((name, i) => [name, [...picked].filter((id) => uses[id][0] === i).length]);
      const words = tally.filter((pair) => pair[1]).map((pair) => `${pair[0]} ${pair[1]}`).join(", ");
      const number = changes.length ? ` · change in the true space ${written(mean(changes))}, all ${written(mean(all))}` : "";
      line.append(`${picked.size} of ${Object.keys(uses).length} uses selected (${words})${number} `);
      const clear = document.createElement("button");
      clear.type = "button";
      clear.textContent = "Clear selection";
      clear.addEventListener("click", () => { Plotly.relayout(plot, { selections: [] }); show(null); });
      line.append(clear);
    };
    plot.on("plotly_selected", (event) => {
      if (event && event.points) show(new Set(event.points.map((point) => String(point.customdata[0]))));
    });
    plot.on("plotly_deselect", () => show(null));
  };

  // Files of a figure are made here, in light, at the width of a page: what is saved does not depend on the window.
  const save = async (button) => {
    const plot = document.getElementById(button.dataset.of);
    const { figure, file } = drawing(plot);
    const wide = 900;
    const layout = { ...figure.layout, width: wide, autosize: false, paper_bgcolor: "#FFFFFF" };
    const format = button.dataset.save;
    const address = await Plotly.toImage({ data: figure.data, layout },
      { format, width: wide, height: figure.layout.height, scale: format === "png" ? 2 : 1 });
    const link = document.createElement("a");
    link.href = address;
    link.download = `${file}.${format}`;
    link.click();
  };
  document.querySelectorAll("[data-save]").forEach((button) => button.addEventListener("click", () => save(button)));
  document.querySelectorAll(".files").forEach((files) => { files.hidden = false; });

  const drawn = new Set();
  const first = async (plot) => {
    if (drawn.has(plot)) return;
    drawn.add(plot);
    await draw(plot, false);
    if ("linked" in plot.dataset) link(plot);
  };
  const inside = (part) => [...part.querySelectorAll(".plot")];
  const open = (plot) => !plot.closest("details:not([open])"); // a closed part has no width to draw in
  const again = (printing) => drawn.forEach((plot) => draw(plot, printing));

  // What the reader sees is drawn at once, the rest one by one while nothing else is to do.
  const root = document.getElementById("pane");
  const near = (part) => { const box = part.getBoundingClientRect(); return box.top < innerHeight * 1.5 && box.bottom > -innerHeight / 2; };
  const idle = () => new Promise((then) => (window.requestIdleCallback ? requestIdleCallback(then, { timeout: 400 }) : setTimeout(then, 30)));
  const sight = new IntersectionObserver((seen) => seen.filter((one) => one.isIntersecting).forEach((one) => {
    sight.unobserve(one.target);
    if (one.target === root) openPane(); else if (open(one.target)) first(one.target);
  }), { rootMargin: "60% 0px" });
  const start = async () => {
    const waiting = plots.filter(open);
    await Promise.all(waiting.filter(near).map(first));
    document.documentElement.dataset.opened = "yes";
    [...waiting, ...(root ? [root] : [])].forEach((part) => sight.observe(part));
    for (const plot of waiting) { await idle(); await first(plot); }
    if (root) { await idle(); await openPane(); }
    document.documentElement.dataset.drawn = String(drawn.size);
  };
  document.querySelectorAll("details").forEach((part) => part.addEventListener("toggle", () => inside(part).filter(open).forEach(first)));
  dark.addEventListener("change", () => again(false));

  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details.part").forEach((part) => { part.open = true; });
    plots.forEach((plot) => { first(plot); });
    again(true);
  });
  window.addEventListener("afterprint", () => again(false));
  // The map of all words: its bytes are gzipped, so that a long list of words stays small.
  const unpacked = async (id) => {
    const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  let opening;
  const openPane = () => (opening ||= makePane());
  const makePane = async () => {
    const { rows, items } = read("pane-items"); // every word as [name, written change, whether within noise]
    const at = new Map(rows.map((row, i) => [row, items[i]]));
    const list = document.getElementById("pane-line");
    const tell = (ids) => {
      list.replaceChildren();
      if (!ids.length) return;
      const shown = ids.map((id) => at.get(Number(id))).sort((a, b) => b[1] - a[1]);
      const said = shown.slice(0, 60).map(([word, change, within]) => `${word} ${written(change)}${within ? " (within noise)" : ""}`);
      const more = shown.length > said.length ? `, and ${shown.length - said.length} more` : "";
      list.append(`${ids.length} of ${rows.length} words selected, the most changed first: ${said.join(", ")}${more}.`);
    };
    const theme = () => (dark.matches ? "dark" : "light");
    const pane = embedlabPane(root, await unpacked(root.dataset.payload), {
      theme: theme(), label: root.dataset.label, height: 560, onSelect: tell,
    });
    dark.addEventListener("change", () => pane.update({ theme: theme() }));
    root.dataset.open = "yes";
  };
  start();
})();
