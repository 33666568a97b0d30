/* Two linked maps of the same points, before and after: embedlabPane(root, bytes, options) draws them into `root`.
   The bytes are those of embedlab/figures/pane.py. Nothing is fetched; text is set as text, never as markup.
   options: label, height (px), theme ("light" | "dark"), view (of an earlier pane), onSelect(ids), onPick(packed),
   graphics ("card" | "software" | "none": what to draw with; found out unless given).
   Returned: select(ids), selectPacked(packed), update(options), view(), destroy(). */
var embedlabPane = (function () {
  // The tokens of figures/style.py; a test holds the two against each other
  const TOKENS = {
    light: { noise: "#B8BEC6", before: "#7A6FB0", after: "#D08A2E", ink: "#1F2630", quiet: "#5E6874", line: "#DFE3E8",
      paper: "#FFFFFF", panel: "#F7F8FA", low: "#DCE5EE", high: "#2F5478" },
    dark: { noise: "#4A515C", before: "#A79CDC", after: "#F0B35C", ink: "#E3E7EC", quiet: "#9AA5B1", line: "#303842",
      paper: "#14181D", panel: "#1A2027", low: "#26384A", high: "#A9CBEA" },
  };
  const OKABE_ITO = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"]; // the eighth is the ink
  const SANS = "'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, system-ui, sans-serif";
  const FLAT = 20000; // points that a 2-D canvas or an SVG file can carry
  const MANY = 200000; // points above which shapes are not to be seen and movement draws only some
  const REACH = 14; // px from the pointer to a point it means
  const DWELL = 160; // ms on a point before the others take the colours of their distances: passing over flickers nothing
  const LABELS = 36; // at most, in each map
  const SVG = "http://www.w3.org/2000/svg";
  const TYPES = { float32: Float32Array, float64: Float64Array, uint8: Uint8Array, uint32: Uint32Array };

  // -- the bytes ------------------------------------------------------------------------------------------------------

  function read(bytes) {
    const shifted = bytes.byteOffset % 4 !== 0;
    const buffer = shifted ? bytes.slice().buffer : bytes.buffer;
    const base = shifted ? 0 : bytes.byteOffset;
    const length = new DataView(buffer).getUint32(base, true);
    const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, base + 4, length)));
    const start = base + 4 + length;
    const array = (place) => {
      if (!place) return null;
      const Type = TYPES[place.type], at = start + place.offset;
      if (at % Type.BYTES_PER_ELEMENT === 0) return new Type(buffer, at, place.length);
      return new Type(buffer.slice(at, at + place.length * Type.BYTES_PER_ELEMENT));
    };
    return {
      n: head.n, names: head.names, first: head.first, ids: array(head.ids), frameNames: head.frameNames,
      frames: head.frames.map(array), placebo: head.placebo && head.placebo.map(array), weights: array(head.weights),
      opacity: array(head.opacity), muted: array(head.muted), cosines: head.cosines && head.cosines.map(array),
      colourings: head.colourings.map((one) => ({ ...one, codes: array(one.codes), values: array(one.values) })),
    };
  }

  // Increasing positions among n as text that figures/pane.py unpacks: differences of seven bits a byte, in base64; or
  // "~" and one bit a point, where more than every eighth is in it
  function pack(positions, n) {
    const bits = 8 * positions.length > n, out = new Uint8Array(bits ? Math.ceil(n / 8) : 5 * positions.length);
    let length = 0, last = 0;
    if (bits) {
      for (const one of positions) out[one >> 3] |= 1 << (one & 7);
      length = out.length;
    } else for (const one of positions) {
      let step = one - last;
      last = one;
      while (step > 127) { out[length++] = (step & 127) | 128; step >>>= 7; }
      out[length++] = step;
    }
    let text = "";
    for (let i = 0; i < length; i += 32768) text += String.fromCharCode.apply(null, out.subarray(i, Math.min(i + 32768, length)));
    return (bits ? "~" : "") + btoa(text);
  }

  function unpack(packed) {
    const bits = packed[0] === "~", text = atob(bits ? packed.slice(1) : packed), out = [];
    let last = 0, step = 0, shift = 0;
    for (let i = 0; i < text.length; i++) {
      const byte = text.charCodeAt(i);
      if (bits) {
        for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) out.push(8 * i + bit);
        continue;
      }
      step += (byte & 127) * 2 ** shift;
      if (byte > 127) { shift += 7; continue; }
      last += step;
      out.push(last);
      step = shift = 0;
    }
    return Uint32Array.from(out);
  }

  // -- the grid: which points lie where -------------------------------------------------------------------------------

  function bounds(arrays) {
    let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
    for (const p of arrays) for (let i = 0; i < p.length; i += 2) {
      const x = p[i], y = p[i + 1];
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
    return x0 > x1 ? { x0: -1, y0: -1, x1: 1, y1: 1 } : { x0, y0, x1, y1 };
  }

  // Counting sort of the points into square cells of about four each: linear in n
  function makeGrid(p) {
    const n = p.length / 2, box = bounds([p]);
    const side = Math.max(box.x1 - box.x0, box.y1 - box.y0) || 1;
    const cell = side / Math.max(8, Math.min(512, Math.floor(Math.sqrt(n / 4))));
    const cols = Math.floor((box.x1 - box.x0) / cell) + 1, rows = Math.floor((box.y1 - box.y0) / cell) + 1;
    const start = new Uint32Array(cols * rows + 1), where = new Uint32Array(n), order = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      const c = Math.min(cols - 1, Math.floor((p[2 * i] - box.x0) / cell));
      const r = Math.min(rows - 1, Math.floor((p[2 * i + 1] - box.y0) / cell));
      where[i] = r * cols + c;
      start[where[i] + 1]++;
    }
    for (let i = 0; i < cols * rows; i++) start[i + 1] += start[i];
    const next = start.slice(0, -1);
    for (let i = 0; i < n; i++) order[next[where[i]]++] = i;
    return { p, n, cell, cols, rows, start, order, x0: box.x0, y0: box.y0 };
  }

  // The points in rings of cells around (x, y), nearest rings first, until `take` says that the rest is too far
  function around(grid, x, y, take) {
    const c0 = Math.floor((x - grid.x0) / grid.cell), r0 = Math.floor((y - grid.y0) / grid.cell);
    const far = Math.max(Math.abs(c0), Math.abs(r0), Math.abs(grid.cols - c0), Math.abs(grid.rows - r0)) + 1;
    const edge = Math.max(0, -c0, c0 - grid.cols + 1, -r0, r0 - grid.rows + 1);
    for (let ring = edge; ring <= far; ring++) {
      for (let r = Math.max(0, r0 - ring); r <= Math.min(grid.rows - 1, r0 + ring); r++) {
        const whole = Math.abs(r - r0) === ring;
        for (let c = c0 - ring; c <= c0 + ring; c += whole ? 1 : Math.max(1, 2 * ring)) {
          if (c < 0 || c >= grid.cols) continue;
          const at = r * grid.cols + c;
          for (let k = grid.start[at]; k < grid.start[at + 1]; k++) take.point(grid.order[k]);
        }
      }
      if (take.done(Math.max(0, ring * grid.cell))) return;
    }
  }

  function nearest(grid, x, y, reach) {
    let best = -1, least = reach * reach;
    if (!grid.n) return best;
    around(grid, x, y, {
      point(i) {
        const d = (grid.p[2 * i] - x) ** 2 + (grid.p[2 * i + 1] - y) ** 2;
        if (d < least || (d === least && i < best)) { least = d; best = i; }
      },
      done: (near) => near > reach || near * near > least,
    });
    return best;
  }

  // The point nearest to `from` within 60 degrees of a direction; one straight ahead counts as nearer than one aside
  function onward(grid, from, dx, dy) {
    const x = grid.p[2 * from], y = grid.p[2 * from + 1];
    let best = -1, least = Infinity;
    around(grid, x, y, {
      point(i) {
        const ax = grid.p[2 * i] - x, ay = grid.p[2 * i + 1] - y, d = Math.hypot(ax, ay);
        const ahead = d && (ax * dx + ay * dy) / d;
        if (ahead < 0.5) return;
        const cost = d * (2 - ahead);
        if (cost < least || (cost === least && i < best)) { least = cost; best = i; }
      },
      done: (near) => near > least,
    });
    return best;
  }

  // Winding number: a loop drawn over itself stays inside
  function inside(path, x, y) {
    let winding = 0;
    for (let a = 0, b = path.length - 1; a < path.length; b = a++) {
      const [ax, ay] = path[b], [bx, by] = path[a];
      const side = (bx - ax) * (y - ay) - (x - ax) * (by - ay);
      if (ay <= y) { if (by > y && side > 0) winding++; } else if (by <= y && side < 0) winding--;
    }
    return winding !== 0;
  }

  // The mask of points in a closed path: cells that no edge crosses are taken or left as a whole
  function enclosed(grid, path) {
    const mask = new Uint8Array(grid.n), { cell, cols, rows } = grid;
    const box = bounds([Float64Array.from(path.flat())]);
    const col = (x) => Math.max(0, Math.min(cols - 1, Math.floor((x - grid.x0) / cell)));
    const row = (y) => Math.max(0, Math.min(rows - 1, Math.floor((y - grid.y0) / cell)));
    const crossed = new Uint8Array(cols * rows);
    for (let a = 0, b = path.length - 1; a < path.length; b = a++) {
      const [p, q] = path[a][1] < path[b][1] ? [path[a], path[b]] : [path[b], path[a]];
      for (let r = row(p[1]); r <= row(q[1]); r++) {
        // where the edge is while it is in this row of cells
        const low = Math.max(p[1], grid.y0 + r * cell), high = Math.min(q[1], grid.y0 + (r + 1) * cell);
        const at = (y) => (q[1] === p[1] ? p[0] : p[0] + ((q[0] - p[0]) * (y - p[1])) / (q[1] - p[1]));
        const flat = q[1] === p[1] || low > high;
        const ends = flat ? [p[0], q[0]] : [at(low), at(high)];
        for (let c = Math.max(0, col(Math.min(...ends)) - 1); c <= Math.min(cols - 1, col(Math.max(...ends)) + 1); c++) crossed[r * cols + c] = 1;
      }
    }
    for (let r = row(box.y0); r <= row(box.y1); r++) for (let c = col(box.x0); c <= col(box.x1); c++) {
      const at = r * cols + c;
      if (grid.start[at] === grid.start[at + 1]) continue;
      const all = !crossed[at] && inside(path, grid.x0 + (c + 0.5) * cell, grid.y0 + (r + 0.5) * cell);
      if (!crossed[at] && !all) continue;
      for (let k = grid.start[at]; k < grid.start[at + 1]; k++) {
        const i = grid.order[k];
        if (all || inside(path, grid.p[2 * i], grid.p[2 * i + 1])) mask[i] = 1;
      }
    }
    return mask;
  }

  // -- colours and shapes -----------------------------------------------------------------------------------------------

  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const blend = (a, b, share) => a.map((one, i) => Math.round(one + (b[i] - one) * share));
  const css = (c, alpha) => `rgba(${c[0]},${c[1]},${c[2]},${alpha === undefined ? 1 : alpha})`;
  const shapeOf = (code) => (code + Math.floor(code / 8)) % 8; // shifted by one each turn through the colours
  const tint = (code, tokens) => (code % 8 === 7 ? tokens.ink : OKABE_ITO[code % 8]);

  // Corners of each shape in a unit circle, y down; null is the circle itself
  const CORNERS = (function () {
    const ring = (count, turn, radius) => Array.from({ length: count }, (_, i) => {
      const angle = turn + (2 * Math.PI * i) / count, r = typeof radius === "function" ? radius(i) : radius;
      return [r * Math.sin(angle), -r * Math.cos(angle)];
    });
    const arm = 0.3, end = 0.95, turned = ([x, y]) => [(x + y) / Math.SQRT2, (y - x) / Math.SQRT2];
    const plus = [[arm, end], [arm, arm], [end, arm], [end, -arm], [arm, -arm], [arm, -end], [-arm, -end], [-arm, -arm],
      [-end, -arm], [-end, arm], [-arm, arm], [-arm, end]];
    return [null, ring(4, 0, 0.98), ring(4, Math.PI / 4, 1.1), ring(3, 0, 0.95), plus.map(turned),
      ring(10, 0, (i) => (i % 2 ? 0.42 : 1)), ring(3, Math.PI, 0.95), ring(6, Math.PI / 6, 0.92)];
  })();

  const pathOf = (shape, x, y, r) =>
    CORNERS[shape] ? "M" + CORNERS[shape].map(([a, b]) => `${(x + a * r).toFixed(2)} ${(y + b * r).toFixed(2)}`).join("L") + "Z"
      : `M${(x - r * 0.9).toFixed(2)} ${y.toFixed(2)}a${(r * 0.9).toFixed(2)} ${(r * 0.9).toFixed(2)} 0 1 0 ${(r * 1.8).toFixed(2)} 0a${(r * 0.9).toFixed(2)} ${(r * 0.9).toFixed(2)} 0 1 0 ${(-r * 1.8).toFixed(2)} 0Z`;

  function trace(context, shape, x, y, r) {
    context.beginPath();
    if (!CORNERS[shape]) context.arc(x, y, r * 0.9, 0, 2 * Math.PI);
    else {
      CORNERS[shape].forEach(([a, b], i) => (i ? context.lineTo(x + a * r, y + b * r) : context.moveTo(x + a * r, y + b * r)));
      context.closePath();
    }
  }

  // -- drawing with WebGL2 ----------------------------------------------------------------------------------------------

  const VERTEX = `#version 300 es
in vec2 from; in vec2 to; in vec4 colour; in float mark;
uniform float share, size, fade; uniform vec2 centre, scale; uniform vec4 ash;
out vec4 ink; flat out int shape; flat out float wide;
void main() {
  vec2 p = mix(from, to, share);
  gl_Position = vec4((p - centre) * scale, 0., 1.);
  int bits = int(mark + .5);
  shape = bits & 7;
  wide = size * (bits >= 16 ? .66 : 1.);
  gl_PointSize = wide;
  float a = min(1., colour.a * fade);
  ink = vec4(mix(colour.rgb, ash.rgb, ash.a) * a, a);
}`;
  const FRAGMENT = `#version 300 es
precision highp float;
in vec4 ink; flat in int shape; flat in float wide; uniform bool plain; uniform vec4 edge; out vec4 seen;
float away(vec2 q) {
  vec2 a = abs(q);
  if (shape == 1) return (a.x + a.y - .98) * .7071;
  if (shape == 2) return max(a.x, a.y) - .78;
  if (shape == 3) return max(a.x * .866 - q.y * .5, q.y) - .475;
  if (shape == 4) { vec2 r = abs(vec2(q.x + q.y, q.x - q.y)) * .7071; return min(max(r.x - .95, r.y - .3), max(r.y - .95, r.x - .3)); }
  if (shape == 5) { float turn = 1.2566371, t = mod(atan(q.x, -q.y) + turn * .5, turn) - turn * .5;
    vec2 p = length(q) * vec2(cos(t), abs(sin(t))); return dot(p - vec2(1., 0.), vec2(.3498, .9368)); }
  if (shape == 6) return max(a.x * .866 + q.y * .5, -q.y) - .475;
  if (shape == 7) return max(a.x * .866 + a.y * .5, a.y) - .8;
  return length(q) - .9;
}
void main() {
  if (plain) { seen = ink; return; }
  float d = away(gl_PointCoord * 2. - 1.) * wide * .5;
  float cover = clamp(.5 - d, 0., 1.);
  if (cover <= 0.) discard;
  float rim = edge.a * clamp(d + 1.6, 0., 1.) * ink.a;
  seen = (ink * (1. - rim / max(ink.a, .001)) + vec4(edge.rgb, 1.) * rim) * cover;
}`;

  let met = null; // what this browser has: "none", a graphics card, or a processor that plays one
  function graphics() {
    if (met) return met;
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) return "none"; // it may come back
    const named = gl.getExtension("WEBGL_debug_renderer_info");
    const name = String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    met = /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name) ? "software" : "card";
    const lose = gl.getExtension("WEBGL_lose_context");
    if (lose) lose.loseContext();
    return met;
  }

  function webgl(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true });
    if (!gl) return null;
    const program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.SCISSOR_TEST);
    const at = {}, uniform = {};
    for (const name of ["from", "to", "colour", "mark"]) gl.enableVertexAttribArray((at[name] = gl.getAttribLocation(program, name)));
    for (const name of ["share", "size", "fade", "centre", "scale", "plain", "edge", "ash"]) uniform[name] = gl.getUniformLocation(program, name);
    const held = new Map(); // array -> buffer: an array goes to the card once
    const buffer = (array) => {
      if (!held.has(array)) {
        held.set(array, gl.createBuffer());
        gl.bindBuffer(gl.ARRAY_BUFFER, held.get(array));
        gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
      }
      return held.get(array);
    };
    const point = (name, array, width, type, normal, every) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer(array));
      gl.vertexAttribPointer(at[name], width, type, normal, every * width * (type === gl.FLOAT ? 4 : 1), 0);
    };
    const picked = gl.createBuffer();
    let count = 0;
    return {
      kind: "webgl",
      forget(array) { gl.deleteBuffer(held.get(array)); held.delete(array); },
      pick(indices) {
        count = indices.length;
        gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, picked);
        gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, indices, gl.DYNAMIC_DRAW);
      },
      clear() {
        gl.disable(gl.SCISSOR_TEST);
        gl.clearColor(0, 0, 0, 0);
        gl.clear(gl.COLOR_BUFFER_BIT);
        gl.enable(gl.SCISSOR_TEST);
      },
      draw(one) { // one map: { from, to, share, colours, marks, box (device px), view, size, every, edge, ink, ash }
        const { box, view, every } = one, n = one.from.length / 2;
        gl.viewport(box.x, canvas.height - box.y - box.h, box.w, box.h);
        gl.scissor(box.x, canvas.height - box.y - box.h, box.w, box.h);
        point("from", one.from, 2, gl.FLOAT, false, every);
        point("to", one.to, 2, gl.FLOAT, false, every);
        point("colour", one.colours, 4, gl.UNSIGNED_BYTE, true, every);
        point("mark", one.marks, 1, gl.UNSIGNED_BYTE, false, every);
        gl.uniform1f(uniform.share, one.share);
        gl.uniform2f(uniform.centre, view.x, view.y);
        gl.uniform2f(uniform.scale, (2 * view.k * one.ratio) / box.w, (2 * view.k * one.ratio) / box.h);
        gl.uniform1f(uniform.size, one.size * (count ? 0.8 : 1));
        gl.uniform1f(uniform.fade, count ? 0.22 : 1);
        gl.uniform4f(uniform.ash, ...(one.ash || [0, 0, 0]).map((v) => v / 255), count && one.ash ? 1 : 0);
        gl.uniform1i(uniform.plain, one.plain ? 1 : 0);
        gl.uniform4f(uniform.edge, ...one.edge.map((v) => v / 255), count || one.plain ? 0 : one.rim);
        gl.drawArrays(gl.POINTS, 0, Math.floor(n / every));
        if (!count || every > 1) return;
        gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, picked);
        gl.uniform1f(uniform.size, one.size * (one.plain ? 1.6 : 1.25));
        gl.uniform1f(uniform.fade, 1.25);
        gl.uniform4f(uniform.ash, 0, 0, 0, 0);
        gl.uniform4f(uniform.edge, ...one.ink.map((v) => v / 255), one.size > 5 && n <= 2000 ? 0.85 : 0);
        gl.drawElements(gl.POINTS, count, gl.UNSIGNED_INT, 0);
      },
      whenSeen(tell) { // once the card has done what it was told
        const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
        gl.flush();
        (function wait() {
          const state = fence && gl.clientWaitSync(fence, 0, 0);
          if (state === gl.TIMEOUT_EXPIRED) setTimeout(wait, 8);
          else requestAnimationFrame(tell);
        })();
      },
      destroy() { const lose = gl.getExtension("WEBGL_lose_context"); if (lose) lose.loseContext(); },
    };
  }

  // -- drawing where a processor plays the card: every point written into the picture as a small stamp ------------------
  // Twenty times as fast there as WebGL, whose every point is a triangle to such a processor

  function pixels(canvas) {
    const context = canvas.getContext("2d"), stamps = new Map();
    let chosen = new Uint32Array(0);
    // A shape as [steps in the picture, coverage 0..256] at a width in device px, in a picture `stride` wide
    function stamp(shape, wide, stride) {
      const key = `${shape} ${wide} ${stride}`;
      if (stamps.has(key)) return stamps.get(key);
      const side = Math.max(1, Math.ceil(wide)), steps = [], cover = [];
      const pen = make("canvas", { width: side, height: side }).getContext("2d", { willReadFrequently: true });
      if (wide <= 3) pen.fillRect(0, 0, side, side);
      else { trace(pen, shape, side / 2, side / 2, wide / 2); pen.fill(); }
      const seen = pen.getImageData(0, 0, side, side).data;
      for (let i = 0; i < side * side; i++) if (seen[4 * i + 3] > 8) {
        steps.push(Math.floor(i / side) * stride + (i % side));
        cover.push(seen[4 * i + 3] + 1);
      }
      const made = { side, steps: Int32Array.from(steps), cover: Int32Array.from(cover) };
      if (stamps.size > 200) stamps.clear();
      stamps.set(key, made);
      return made;
    }
    return {
      kind: "pixels",
      forget() {},
      pick(indices) { chosen = indices; },
      clear() { context.clearRect(0, 0, canvas.width, canvas.height); },
      draw(one) {
        const { box, view, ratio, from, to, share, colours, marks, every, paper } = one, n = from.length / 2, { w, h } = box;
        const image = context.createImageData(w, h), out = new Uint32Array(image.data.buffer);
        out.fill((255 << 24) | (paper[2] << 16) | (paper[1] << 8) | paper[0]);
        const k = view.k * ratio, left = w / 2 - view.x * k, top = h / 2 + view.y * k, still = share === 0;
        const dot = (grow) => Array.from({ length: 32 }, (_, mark) => (mark & 8 ? null : stamp(mark & 7, Math.max(1, one.size * grow * (mark >= 16 ? 0.66 : 1)), w)));
        const dull = chosen.length && one.ash ? one.ash[0] | (one.ash[1] << 8) | (one.ash[2] << 16) : -1;
        const put = (i, set, fade, over) => {
          const made = set[marks[i]], at = made.side / 2;
          const px = still ? from[2 * i] : from[2 * i] + (to[2 * i] - from[2 * i]) * share;
          const py = still ? from[2 * i + 1] : from[2 * i + 1] + (to[2 * i + 1] - from[2 * i + 1]) * share;
          const x = Math.round(px * k + left - at), y = Math.round(top - py * k - at);
          if (x < 0 || y < 0 || x + made.side > w || y + made.side > h) return;
          const c = over >= 0 ? over : colours[4 * i] | (colours[4 * i + 1] << 8) | (colours[4 * i + 2] << 16), a = Math.min(255, colours[4 * i + 3] * fade);
          const { steps, cover } = made, q = y * w + x, cross = c & 0xff00ff, green = c & 0xff00;
          for (let j = 0; j < steps.length; j++) {
            const old = out[q + steps[j]], on = (a * cover[j] + 128) >> 8, off = 256 - on;
            out[q + steps[j]] = (255 << 24)
              | (((Math.imul(old & 0xff00ff, off) + Math.imul(cross, on)) >>> 8) & 0xff00ff)
              | (((Math.imul(old & 0xff00, off) + Math.imul(green, on)) >>> 8) & 0xff00);
          }
        };
        const rest = dot(chosen.length ? 0.8 : 1), fade = chosen.length ? 0.22 : 1;
        for (let i = 0; i < n; i += every) put(i, rest, fade, dull);
        if (every === 1 && chosen.length) { const large = dot(1.25); for (const i of chosen) put(i, large, 1.25, -1); }
        context.putImageData(image, box.x, box.y);
      },
      whenSeen(tell) { requestAnimationFrame(tell); },
      destroy() {},
    };
  }

  // -- drawing without any of it: a 2-D canvas, and at most FLAT points -------------------------------------------------

  function flat(canvas) {
    const context = canvas.getContext("2d");
    let chosen = new Uint32Array(0);
    return {
      kind: "flat",
      forget() {},
      pick(indices) { chosen = indices; },
      clear() { context.clearRect(0, 0, canvas.width, canvas.height); },
      draw(one) {
        const { box, view, ratio } = one, n = one.from.length / 2, every = Math.max(1, Math.ceil(n / FLAT));
        context.save();
        context.beginPath();
        context.rect(box.x, box.y, box.w, box.h);
        context.clip();
        const put = (i, grow, fade) => {
          const px = one.from[2 * i] + (one.to[2 * i] - one.from[2 * i]) * one.share;
          const py = one.from[2 * i + 1] + (one.to[2 * i + 1] - one.from[2 * i + 1]) * one.share;
          const x = box.x + box.w / 2 + (px - view.x) * view.k * ratio, y = box.y + box.h / 2 - (py - view.y) * view.k * ratio;
          if (x < box.x - 20 || x > box.x + box.w + 20 || y < box.y - 20 || y > box.y + box.h + 20) return;
          const own = one.colours.subarray(4 * i, 4 * i + 4), c = fade < 1 && one.ash ? [...one.ash, own[3]] : own, muted = one.marks[i] >= 16;
          context.fillStyle = css(c, Math.min(1, (c[3] / 255) * fade));
          trace(context, one.plain ? 0 : one.marks[i] & 7, x, y, (Math.max(one.size, 2.4 * ratio) * grow * (muted ? 0.66 : 1)) / 2);
          context.fill();
        };
        for (let i = 0; i < n; i += every) put(i, chosen.length ? 0.8 : 1, chosen.length ? 0.22 : 1);
        const some = Math.max(1, Math.ceil(chosen.length / FLAT));
        for (let i = 0; i < chosen.length; i += some) put(chosen[i], 1.25, 1.25);
        context.restore();
      },
      whenSeen(tell) { requestAnimationFrame(tell); },
      destroy() {},
    };
  }

  // -- words ------------------------------------------------------------------------------------------------------------

  const many = (n) => n.toLocaleString("en-GB");
  const counted = (n, one) => `${many(n)} ${one}${n === 1 ? "" : "s"}`;
  const trim = (text, letters) => (text.length > letters ? text.slice(0, letters - 1) + "…" : text);
  function written(value, span) { // as many digits as the span of the scale supports, no zero before the point
    if (!value) return "0";
    const digits = Math.max(0, Math.min(3, 1 - Math.floor(Math.log10(Math.abs(span) || 1))));
    const text = Math.abs(value).toFixed(digits);
    return (value < 0 && Number(text) ? "−" : "") + (digits ? text.replace(/^0\./, ".") : many(Number(text)));
  }

  /** Whether the names of a legend take two lines: about seven pixels a letter, and their mark and count. */
  const wide = (names) => names.reduce((sum, name) => sum + 52 + 7 * name.length, 0) > 640;

  function make(name, attributes, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (key === "text") node.textContent = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== null && value !== undefined) node.setAttribute(key, value);
    }
    node.append(...children.filter(Boolean));
    return node;
  }

  function drawn(name, attributes, text) {
    const node = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  // -- the pane ---------------------------------------------------------------------------------------------------------

  return function embedlabPane(root, bytes, options) {
    const begun = performance.now(), data = read(bytes), { n } = data;
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const earlier = options.view || {};
    const named = data.colourings.findIndex((one) => one.name === earlier.colouring);
    const s = {
      options, colouring: Math.max(0, named), mode: earlier.mode || "pan", placebo: false, only: -1, hover: -1, at: -1,
      side: 0, labels: earlier.labels !== false, truth: earlier.truth !== false, lit: -1, path: null, mask: new Uint8Array(n),
      chosen: new Uint32Array(0), view: { x: 0, y: 0, k: 1 }, whole: { x: 0, y: 0, k: 1 }, boxes: [], gone: false, slow: false,
    };
    const two = data.frames.length > 1 || data.placebo;
    const frames = () => (s.placebo ? data.placebo : data.frames);
    const frameNames = () => (s.placebo ? ["once", "once more"] : data.frameNames);
    const last = () => frames().length - 1;
    s.step = Math.min(earlier.step === undefined ? last() : earlier.step, last());
    const tokens = () => TOKENS[s.options.theme === "dark" ? "dark" : "light"];
    const nameOf = (i) => (data.names ? data.names[i] : `row ${many(idOf(i))}`);
    const idOf = (i) => (data.ids ? data.ids[i] : data.first + i);

    // -- what is on the page --

    const canvas = make("canvas", { "aria-hidden": "true" }), over = make("canvas", { "aria-hidden": "true" });
    const uid = "elp" + Math.random().toString(36).slice(2, 8);
    const button = (text, title, onclick, extra) => make("button", { type: "button", text, title, "aria-label": title, onclick, ...extra });
    const toggle = (text, title, key, onclick) => button(text, title, onclick, { "aria-pressed": String(s[key]), "aria-label": text, "data-key": key });
    const colour = make("select", { "aria-label": "Colour by", onchange: () => { s.colouring = colour.selectedIndex; s.only = -1; recolour(); } },
      ...data.colourings.map((one) => make("option", { text: one.name })));
    colour.selectedIndex = s.colouring;
    const panMode = button("Move", "Drag to move the maps", () => setMode("pan"), { "aria-label": "Move" });
    const lassoMode = button("Lasso", "Drag a loop around points to select them (or hold Shift)", () => setMode("lasso"), { "aria-label": "Lasso" });
    const placebo = data.placebo && toggle("Placebo", "The map of one state against itself: what moves here moves for no reason", "placebo", () => setPlacebo(!s.placebo));
    const truth = data.cosines && toggle("True distances", "Rest on a point: the others take the colour of their real cosine to it", "truth", () => setTruth(!s.truth));
    const labels = data.names && data.weights && toggle("Labels", "Names where there is room for them", "labels", () => { s.labels = !s.labels; pressed(); redraw(); });
    const more = make("details", { class: "elp-more" },
      make("summary", { text: "More", "aria-label": "More: labels, downloads, keys" }),
      make("div", { class: "elp-menu" }, labels,
        button("PNG", "Download as a PNG picture", () => save("png"), { "aria-label": "Download PNG" }),
        button("SVG", "Download as an SVG drawing", () => save("svg"), { "aria-label": "Download SVG" }),
        make("p", { text: "Keys, with a map in focus: arrows go from point to point, Enter selects, Shift Enter adds, Escape clears, + and − zoom, 0 shows all, Shift and arrows move the map." })));
    const bar = make("div", { class: "elp-bar" },
      data.colourings.length > 0 && make("label", { class: "elp-colour" }, make("span", { text: "Colour" }), colour),
      make("span", { class: "elp-group", role: "group", "aria-label": "What dragging does" }, panMode, lassoMode),
      make("span", { class: "elp-group", role: "group", "aria-label": "Zoom" }, button("−", "Zoom out", () => zoom(1 / 1.5)),
        button("+", "Zoom in", () => zoom(1.5)), button("All", "Show all points", () => fit())),
      placebo, truth, make("span", { class: "elp-space" }), more);

    const slider = make("input", { type: "range", min: "0", "aria-label": "State shown on the right", oninput: () => setStep(Number(slider.value)) });
    const play = button("▶", "Play from the first state to the last", () => animate());
    const titles = [make("span", { class: "elp-name" }), make("span", { class: "elp-name" })];
    const stages = (two ? [0, 1] : [0]).map((side) => make("div", { class: "elp-stage", tabindex: "0", role: "application",
      "aria-roledescription": "map of points", "aria-describedby": uid + "-keys" }));
    const heads = [
      make("div", { class: "elp-head" }, make("i", { class: "elp-dot before", "aria-hidden": "true" }), titles[0]),
      make("div", { class: "elp-head" }, make("i", { class: "elp-dot after", "aria-hidden": "true" }), titles[1], play, slider),
    ];
    const tip = make("div", { class: "elp-tip", "aria-hidden": "true" });
    const maps = make("div", { class: "elp-maps" + (two ? "" : " one") }, canvas, ...stages.map((stage, i) =>
      make("div", { class: "elp-map" }, heads[i], stage)), over, tip);
    const legend = make("div", { class: "elp-legend" + (data.colourings.some((one) => wide(one.categories || [])) ? " tall" : ""), role: "group", "aria-label": "Legend" });
    const said = make("div", { class: "elp-said", role: "status", "aria-live": "polite" });
    const notice = make("div", { class: "elp-notice" });
    const keys = make("span", { id: uid + "-keys", class: "elp-hidden", text: "Arrow keys go from point to point, Enter selects, Escape clears, plus and minus zoom, 0 shows all." });
    const box = make("div", { class: "elp", role: "group" }, bar, maps, legend, make("div", { class: "elp-foot" }, said, notice), keys);
    root.replaceChildren(box);
    box.addEventListener("pointerdown", (event) => { if (!more.contains(event.target)) more.open = false; });
    more.addEventListener("keydown", (event) => { if (event.key === "Escape") { more.open = false; more.firstChild.focus(); } });

    const has = options.graphics || graphics();
    let card = has === "none" ? flat(canvas) : has === "software" && n > FLAT ? pixels(canvas) : webgl(canvas);
    let surface = canvas;
    if (!card) fallBack();
    box.dataset.drawnBy = card.kind;
    function fallBack() { // a canvas that once had WebGL has no second kind of context
      const fresh = make("canvas", { "aria-hidden": "true" });
      surface.replaceWith(fresh);
      surface = fresh;
      card = flat(fresh);
      box.dataset.drawnBy = card.kind;
    }
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      if (s.gone || card.kind === "flat") return;
      fallBack();
      measure();
      card.pick(emphasis());
      tell();
    });

    // -- colours --

    const marks = new Uint8Array(n);
    let shades = [new Uint8Array(4 * n), null]; // of the left map, of the right one where it differs
    const base = n <= 2000 ? 0.92 : n <= 20000 ? 0.82 : n <= MANY ? 0.66 : n <= 500000 ? 0.5 : 0.36;

    function recolour() {
      for (const one of shades) if (one) card.forget(one);
      const t = tokens(), noise = rgb(t.noise), shown = data.colourings[s.colouring];
      const left = new Uint8Array(4 * n), table = [];
      if (shown && shown.codes) for (let c = 0; c < shown.categories.length; c++) table.push(rgb(tint(c, t)));
      else for (let c = 0; c < 256; c++) table.push(blend(rgb(t.low), rgb(t.high), c / 255));
      const span = shown && shown.values ? shown.high - shown.low || 1 : 1;
      for (let i = 0; i < n; i++) {
        let c = noise, quiet = Boolean(data.muted && data.muted[i]);
        if (shown && !quiet) {
          if (shown.codes) c = table[shown.codes[i]];
          else if (shown.values[i] === shown.values[i]) c = table[Math.round(255 * Math.max(0, Math.min(1, (shown.values[i] - shown.low) / span)))];
          else quiet = true;
        } else if (!shown && !quiet) c = table[180];
        put(left, i, c, quiet ? 0.7 : 1);
        marks[i] = (shown && shown.codes ? shapeOf(shown.codes[i]) : 0) + (quiet ? 16 : 0);
      }
      card.forget(marks);
      shades = [left, null];
      drawLegend();
      card.pick(emphasis());
      redraw();
    }
    function put(into, i, c, share) {
      into[4 * i] = c[0]; into[4 * i + 1] = c[1]; into[4 * i + 2] = c[2];
      into[4 * i + 3] = 255 * base * share * (data.opacity ? 0.18 + (0.82 * data.opacity[i]) / 255 : 1);
    }

    // True cosines: one scale for both maps, from the 1st to the 99th percentile of all pairs
    const scale = data.cosines && (function () {
      const counts = new Float64Array(256);
      for (const one of data.cosines) for (let i = 0; i < one.length; i++) counts[one[i]]++;
      const whole = 2 * n * n, at = (share) => { let sum = 0, v = 0; while (v < 255 && (sum += counts[v]) < share * whole) v++; return v; };
      const low = at(0.01), high = Math.max(low + 1, at(0.99));
      return { low, high, says: (v) => written(v / 127.5 - 1, 0.3) };
    })();
    function light(i) { // colour every point by its real cosine to point i; -1 ends it
      if (i === s.lit) return;
      s.lit = i;
      if (i < 0) return recolour();
      for (const one of shades) if (one) card.forget(one);
      const t = tokens(), low = rgb(t.low), high = rgb(t.high);
      shades = data.cosines.map((matrix) => {
        const out = new Uint8Array(4 * n);
        for (let j = 0; j < n; j++) {
          const share = Math.max(0, Math.min(1, (matrix[i * n + j] - scale.low) / (scale.high - scale.low)));
          put(out, j, j === i ? rgb(t.ink) : blend(low, high, share), 1);
          out[4 * j + 3] = 255 * base; // how true the map is does not matter to a true distance
        }
        return out;
      });
      drawLegend();
      card.pick(emphasis());
      redraw();
    }

    function drawLegend() {
      const t = tokens(), shown = data.colourings[s.colouring], parts = [];
      const mark = (shape, fill, r) => {
        const icon = drawn("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" });
        icon.append(drawn("path", { d: pathOf(shape, 7, 7, r), fill, stroke: t.quiet, "stroke-width": 0.6 }));
        return icon;
      };
      const ramp = (name, low, high) => {
        const canvas = drawn("svg", { width: 120, height: 10, "aria-hidden": "true" });
        for (let i = 0; i < 24; i++) canvas.append(drawn("rect", { x: i * 5, y: 0, width: 5.5, height: 10, fill: css(blend(rgb(t.low), rgb(t.high), i / 23)) }));
        parts.push(make("span", { class: "elp-ramp" }, make("b", { text: name }), make("span", { text: low }), canvas, make("span", { text: high })));
      };
      if (s.lit >= 0) ramp("cosine to the point, each map by its own state", "≤ " + scale.says(scale.low), "≥ " + scale.says(scale.high));
      else if (shown && shown.codes) {
        const counts = new Uint32Array(shown.categories.length);
        for (let i = 0; i < n; i++) counts[shown.codes[i]]++;
        shown.categories.forEach((name, c) => parts.push(make("button", { type: "button", title: "Show these alone", "aria-pressed": String(s.only === c), onclick: () => isolate(c) },
          mark(shapeOf(c), tint(c, t), 6.4), make("span", { text: trim(name, 40) }), make("small", { text: many(counts[c]) }))));
      } else if (shown) {
        ramp(shown.name, written(shown.low, shown.high - shown.low), written(shown.high, shown.high - shown.low));
        if (shown.values.some((v) => v !== v)) parts.push(make("span", {}, mark(0, t.noise, 4.4), make("span", { text: "no value" })));
      }
      if (s.lit < 0 && data.muted && data.muted.some(Boolean)) parts.push(make("span", {}, mark(0, t.noise, 4.4), make("span", { text: "within noise" })));
      if (s.lit < 0 && data.opacity) parts.push(make("span", { text: "fainter: the map is less true there" }));
      legend.replaceChildren(...parts);
    }
    function isolate(c) {
      s.only = s.only === c ? -1 : c;
      [...legend.querySelectorAll("button")].forEach((one, i) => one.setAttribute("aria-pressed", String(i === s.only)));
      card.pick(emphasis());
      redraw();
    }
    // What is drawn in full while the rest steps back: the selection, or else the category picked in the legend
    function emphasis() {
      const codes = data.colourings[s.colouring] && data.colourings[s.colouring].codes;
      if (s.chosen.length || s.only < 0 || !codes || s.lit >= 0) return s.lit >= 0 ? new Uint32Array(0) : s.chosen;
      return Uint32Array.from({ length: n }, (_, i) => i).filter((i) => codes[i] === s.only);
    }

    // -- where points are --

    const grids = new WeakMap();
    let between = null; // positions on the right while the slider stands between two frames
    function positions(side) {
      const all = frames();
      if (side === 0) return all[0];
      const i = Math.min(Math.floor(s.step), last()), share = s.step - i;
      if (!share) return all[i];
      if (!between || between.step !== s.step || between.placebo !== s.placebo) {
        const a = all[i], b = all[i + 1], p = new Float32Array(2 * n);
        for (let j = 0; j < 2 * n; j++) p[j] = a[j] + (b[j] - a[j]) * share;
        between = { step: s.step, placebo: s.placebo, p };
      }
      return between.p;
    }
    function grid(side) {
      const p = positions(side);
      if (!grids.has(p)) grids.set(p, makeGrid(p));
      return grids.get(p);
    }
    const toScreen = (side, x, y) => [s.boxes[side].x + s.boxes[side].w / 2 + (x - s.view.x) * s.view.k, s.boxes[side].y + s.boxes[side].h / 2 - (y - s.view.y) * s.view.k];
    const toMap = (side, x, y) => [s.view.x + (x - s.boxes[side].w / 2) / s.view.k, s.view.y - (y - s.boxes[side].h / 2) / s.view.k];
    const screenOf = (side, i) => { const p = positions(side); return toScreen(side, p[2 * i], p[2 * i + 1]); };

    function measure() {
      const outer = maps.getBoundingClientRect();
      s.ratio = window.devicePixelRatio || 1;
      s.boxes = stages.map((stage) => { const r = stage.getBoundingClientRect(); return { x: r.left - outer.left + stage.clientLeft, y: r.top - outer.top + stage.clientTop, w: stage.clientWidth, h: stage.clientHeight }; });
      for (const one of [surface, over]) {
        one.width = Math.max(1, Math.round(outer.width * s.ratio));
        one.height = Math.max(1, Math.round(outer.height * s.ratio));
      }
      const b = bounds(frames()), { w, h } = s.boxes[0], was = s.whole.k;
      s.whole = { x: (b.x0 + b.x1) / 2, y: (b.y0 + b.y1) / 2, k: Math.min(Math.max(20, w - 36) / (b.x1 - b.x0 || 1), Math.max(20, h - 36) / (b.y1 - b.y0 || 1)) };
      if (s.fitted) s.view.k *= s.whole.k / was;
    }
    function fit() {
      s.view = { ...s.whole };
      s.fitted = true;
      redraw();
    }
    function zoom(by, side, x, y) {
      const box = s.boxes[side || 0], at = x === undefined ? [box.w / 2, box.h / 2] : [x, y];
      const [mx, my] = toMap(side || 0, ...at);
      s.view.k = Math.max(s.whole.k * 0.5, Math.min(s.whole.k * 400, s.view.k * by));
      s.view.x = mx - (at[0] - box.w / 2) / s.view.k;
      s.view.y = my + (at[1] - box.h / 2) / s.view.k;
      redraw(true);
    }

    // -- drawing --

    let asked = 0, settling = 0, first = true;
    const size = () => {
      const small = n <= 500 ? 9.5 : n <= 2000 ? 8 : n <= 10000 ? 5.5 : n <= 50000 ? 4 : n <= MANY ? 2.6 : 1.7;
      return small * Math.max(0.8, Math.min(4, (s.view.k / s.whole.k) ** 0.4)) * s.ratio;
    };
    // `moving`: large maps draw every k-th point until the hand rests, and then all
    function redraw(moving) {
      s.moving = Boolean(moving) && n > MANY;
      if (moving) {
        clearTimeout(settling);
        settling = setTimeout(() => redraw(), 140);
      }
      if (!asked && !s.gone) asked = requestAnimationFrame(() => { asked = 0; paint(Boolean(moving)); });
    }
    function layer(side) {
      const all = frames(), t = tokens(), i = side ? Math.min(Math.floor(s.step), last()) : 0, b = s.boxes[side], r = s.ratio;
      return {
        from: all[i], to: all[Math.min(i + 1, last())], share: side ? s.step - i : 0, colours: shades[side] || shades[0], marks, view: s.view, ratio: r,
        box: { x: Math.round(b.x * r), y: Math.round(b.y * r), w: Math.round(b.w * r), h: Math.round(b.h * r) }, size: size(),
        every: s.moving ? Math.ceil(n / 100000) : 1, plain: n > MANY, paper: rgb(t.paper), ink: rgb(t.ink), ...rim(t),
      };
    }
    // A grey rim parts points that lie on each other, and shows the palest of them; of many, those that are not
    // selected turn grey, since where they lie in heaps a faint colour adds up to a full one
    const rim = (t) => ({ edge: rgb(t.quiet), rim: n > 5000 ? 0 : 0.45, ash: n > 5000 ? rgb(t.noise) : null });
    function points() {
      card.clear();
      stages.forEach((_, side) => card.draw(layer(side)));
    }
    function paint(moving) {
      if (s.gone || !s.boxes.length || !s.boxes[0].w) return;
      if (n) points();
      overlay(moving);
      if (!first) return;
      first = false;
      card.whenSeen(() => { box.dataset.visible = String(Math.round(performance.now() - begun)); });
    }

    // -- what lies over the points: names, rings, the loop --

    let ranked = null; // points by weight, heaviest first
    function placed(side) {
      if (!s.labels || !data.names || !data.weights || s.lit >= 0) return [];
      ranked = ranked || Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => data.weights[b] - data.weights[a] || a - b);
      const list = s.chosen.length ? ranked.filter((i) => s.mask[i]) : ranked, b = s.boxes[side], out = [], taken = [];
      const pen = over.getContext("2d");
      pen.font = `12px ${SANS}`;
      for (let k = 0; k < list.length && k < 20000 && out.length < LABELS; k++) {
        const i = list[k], [x, y] = screenOf(side, i);
        if (x < b.x + 4 || x > b.x + b.w - 4 || y < b.y + 8 || y > b.y + b.h - 8) continue;
        const text = trim(data.names[i], 26), wide = pen.measureText(text).width, right = x + 9 + wide < b.x + b.w;
        const left = right ? x + 7 : x - 7 - wide;
        if (i === s.hover || i === s.at || left < b.x || taken.some((o) => left < o[2] + 6 && left + wide > o[0] - 6 && y - 8 < o[3] && y + 8 > o[1])) continue;
        taken.push([Math.min(left, x - 4), y - 8, Math.max(left + wide, x + 4), y + 8]);
        out.push({ text, x: left, y });
      }
      return out;
    }
    function write(pen, text, x, y, t, strong) {
      pen.font = `${strong ? "600 " : ""}12px ${SANS}`;
      pen.textBaseline = "middle";
      pen.lineJoin = "round";
      pen.lineWidth = 3.5;
      pen.strokeStyle = css(rgb(t.paper), 0.88);
      pen.strokeText(text, x, y);
      pen.fillStyle = t.ink;
      pen.fillText(text, x, y);
    }
    function overlay(moving) {
      const pen = over.getContext("2d"), t = tokens();
      pen.setTransform(s.ratio, 0, 0, s.ratio, 0, 0);
      pen.clearRect(0, 0, over.width, over.height);
      stages.forEach((_, side) => {
        const b = s.boxes[side];
        pen.save();
        pen.beginPath();
        pen.rect(b.x, b.y, b.w, b.h);
        pen.clip();
        if (!moving) for (const one of placed(side)) write(pen, one.text, one.x, one.y, t);
        if (s.lit >= 0) for (const i of s.chosen.subarray(0, 500)) circle(pen, ...screenOf(side, i), 6, t);
        const i = s.hover >= 0 ? s.hover : s.at;
        if (i >= 0) ring(pen, side, i, t);
        if (s.path && s.path.side === side) loop(pen, s.path.points, b, t);
        pen.restore();
      });
    }
    function circle(pen, x, y, r, t) {
      for (const [width, colour] of [[r * 0.55, t.paper], [r * 0.25, t.ink]]) {
        pen.beginPath();
        pen.arc(x, y, r, 0, 2 * Math.PI);
        pen.lineWidth = width;
        pen.strokeStyle = colour;
        pen.stroke();
      }
    }
    function ring(pen, side, i, t) {
      const [x, y] = screenOf(side, i), start = side && frames()[0];
      if (side && last() > 0) { // where it came from
        const [fx, fy] = toScreen(1, start[2 * i], start[2 * i + 1]);
        pen.beginPath();
        pen.moveTo(fx, fy);
        pen.lineTo(x, y);
        pen.setLineDash([3, 3]);
        pen.strokeStyle = t.quiet;
        pen.lineWidth = 1.2;
        pen.stroke();
        pen.setLineDash([]);
        pen.beginPath();
        pen.arc(fx, fy, 2.5, 0, 2 * Math.PI);
        pen.fillStyle = t.before;
        pen.fill();
      }
      circle(pen, x, y, 8, t);
      if (side !== s.side || s.hover < 0) {
        const text = trim(nameOf(i), 34), b = s.boxes[side];
        pen.font = `600 12px ${SANS}`;
        const wide = pen.measureText(text).width;
        write(pen, text, x + 12 + wide < b.x + b.w ? x + 12 : Math.max(b.x + 2, x - 12 - wide), y, t, true);
      }
    }
    function loop(pen, path, b, t) {
      pen.beginPath();
      path.forEach(([x, y], i) => (i ? pen.lineTo(b.x + x, b.y + y) : pen.moveTo(b.x + x, b.y + y)));
      pen.closePath();
      pen.fillStyle = css(rgb(t.quiet), 0.14);
      pen.fill();
      pen.setLineDash([4, 3]);
      pen.lineWidth = 1.5;
      pen.strokeStyle = t.ink;
      pen.stroke();
      pen.setLineDash([]);
    }

    // -- words about it --

    function facts(i) {
      const lines = [nameOf(i)];
      for (const one of data.colourings) {
        if (one.codes) lines.push(`${one.name}: ${one.categories[one.codes[i]]}`);
        else lines.push(`${one.name}: ${one.values[i] === one.values[i] ? written(one.values[i], one.high - one.low) : "no value"}`);
      }
      if (data.muted && data.muted[i]) lines.push("within noise");
      if (data.opacity) lines.push(`trust ${written(data.opacity[i] / 255, 1)}`);
      return lines;
    }
    function tell(i) {
      const selected = s.chosen.length ? `${many(s.chosen.length)} of ${counted(n, "point")} selected.` : `${counted(n, "point")}, none selected.`;
      said.textContent = (i === undefined || i < 0 ? "" : facts(i).join(", ") + ". ") + selected;
      const sample = card.kind === "flat" && n > FLAT ? `No WebGL2 here: ${many(Math.ceil(n / Math.ceil(n / FLAT)))} of ${counted(n, "point")} are drawn. A selection takes them all.` : "";
      notice.textContent = s.note || sample;
      notice.hidden = !notice.textContent;
      box.dataset.selected = String(s.chosen.length);
    }
    function showTip(x, y) {
      if (s.hover < 0) { tip.hidden = true; return; }
      const [name, ...rest] = facts(s.hover);
      tip.replaceChildren(make("b", { text: trim(name, 240) }), ...rest.map((text) => make("span", { text })));
      tip.hidden = false;
      const b = s.boxes[s.side], w = tip.offsetWidth, h = tip.offsetHeight;
      tip.style.left = `${Math.max(0, Math.min(maps.clientWidth - w, b.x + x + 16 + w > b.x + b.w ? b.x + x - w - 14 : b.x + x + 16))}px`;
      tip.style.top = `${Math.max(0, Math.min(maps.clientHeight - h, b.y + y + 14))}px`;
    }
    function pressed() {
      for (const one of box.querySelectorAll("[data-key]")) one.setAttribute("aria-pressed", String(s[one.dataset.key]));
      panMode.setAttribute("aria-pressed", String(s.mode === "pan"));
      lassoMode.setAttribute("aria-pressed", String(s.mode === "lasso"));
      box.dataset.mode = s.mode;
      box.dataset.placebo = String(s.placebo);
    }
    function setMode(mode) { s.mode = mode; pressed(); }
    function setTruth(on) { s.truth = on; pressed(); light(-1); }
    function setPlacebo(on) {
      s.placebo = on;
      s.step = last();
      pressed();
      sayState();
      measure();
      fit();
    }
    function sayState() {
      const names = frameNames(), i = Math.floor(s.step), share = s.step - i;
      const where = !share ? names[i] : `${names[i]} → ${names[i + 1]}, ${Math.round(share * 100)} %`;
      titles[0].textContent = (s.placebo ? "placebo: " : "") + names[0];
      titles[1].textContent = titles[1].title = (s.placebo ? "placebo: " : "") + where;
      slider.max = String(Math.max(1, last()));
      slider.step = calm ? "1" : "0.02";
      slider.value = String(s.step);
      slider.disabled = play.disabled = last() < 1;
      slider.setAttribute("aria-valuetext", where);
      stages.forEach((stage, side) => stage.setAttribute("aria-label", `${s.options.label}, ${side ? where : names[0]}: map of ${counted(n, "point")}`));
      box.setAttribute("aria-label", s.options.label);
    }
    function setStep(step) {
      s.step = step;
      sayState();
      redraw(true);
    }
    let running = 0;
    function animate() {
      cancelAnimationFrame(running);
      if (calm) return setStep(s.step >= last() ? 0 : last());
      const begin = performance.now(), time = Math.min(6000, 1400 * last());
      const move = () => {
        if (s.gone) return;
        const share = Math.min(1, (performance.now() - begin) / time);
        setStep(share * last());
        if (share < 1) running = requestAnimationFrame(move);
      };
      move();
    }

    // -- selecting --

    function choose(indices, tellThem) {
      s.mask.fill(0);
      for (const i of indices) s.mask[i] = 1;
      s.chosen = indices;
      card.pick(emphasis());
      redraw();
      tell(s.at);
      if (!tellThem) return;
      if (s.options.onSelect) s.options.onSelect(Array.from(indices, idOf));
      if (s.options.onPick) s.options.onPick(pack(indices, n));
    }
    const chosenBy = (mask) => { let m = 0; for (let i = 0; i < n; i++) m += mask[i]; const out = new Uint32Array(m); for (let i = 0, k = 0; i < n; i++) if (mask[i]) out[k++] = i; return out; };
    function chooseOne(i, add) {
      const mask = add ? s.mask.slice() : new Uint8Array(n);
      if (i >= 0) mask[i] = add && s.mask[i] ? 0 : 1;
      else if (add || !s.chosen.length) return;
      choose(chosenBy(mask), true);
    }
    function finishLoop(side, path, add) {
      const begin = performance.now(), mask = enclosed(grid(side), path.map(([x, y]) => toMap(side, x, y)));
      if (add) for (const i of s.chosen) mask[i] = 1;
      choose(chosenBy(mask), true);
      box.dataset.loop = String(Math.round(performance.now() - begin));
    }

    // -- the pointer and the keys --

    let resting = 0;
    function hover(side, i) {
      if (i === s.hover && side === s.side) return;
      s.hover = i;
      s.side = side;
      clearTimeout(resting);
      if (data.cosines && (s.truth || s.lit >= 0)) resting = setTimeout(() => light(s.truth ? (s.hover >= 0 ? s.hover : -1) : -1), DWELL);
      box.dataset.hover = i < 0 ? "" : String(idOf(i));
      overlay(false);
    }
    stages.forEach((stage, side) => {
      let held = null, waiting = 0, where = null;
      stage.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        stage.setPointerCapture(event.pointerId);
        held = { x: event.offsetX, y: event.offsetY, view: { ...s.view }, moved: 0 };
        if (s.mode === "lasso" || event.shiftKey) s.path = { side, points: [[event.offsetX, event.offsetY]] };
        hover(side, -1);
        showTip();
      });
      stage.addEventListener("pointermove", (event) => {
        const [x, y] = [event.offsetX, event.offsetY];
        if (held) {
          held.moved = Math.max(held.moved, Math.hypot(x - held.x, y - held.y));
          if (s.path) {
            const [px, py] = s.path.points[s.path.points.length - 1];
            if (Math.hypot(x - px, y - py) >= 2) s.path.points.push([x, y]);
            overlay(true);
          } else if (held.moved > 4) {
            s.fitted = false;
            s.view.x = held.view.x - (x - held.x) / s.view.k;
            s.view.y = held.view.y + (y - held.y) / s.view.k;
            redraw(true);
          }
          return;
        }
        where = [x, y];
        if (!waiting) waiting = requestAnimationFrame(() => {
          waiting = 0;
          if (s.gone || !n || !where) return;
          hover(side, nearest(grid(side), ...toMap(side, ...where), REACH / s.view.k));
          showTip(...where);
        });
      });
      stage.addEventListener("pointerup", (event) => {
        if (!held) return;
        const path = s.path, add = event.ctrlKey || event.metaKey, still = held.moved <= 4;
        held = s.path = null;
        if (still && n) chooseOne(nearest(grid(side), ...toMap(side, event.offsetX, event.offsetY), REACH / s.view.k), add || event.shiftKey);
        else if (path && path.points.length > 2) finishLoop(side, path.points, add);
        overlay(false);
      });
      stage.addEventListener("pointercancel", () => { held = s.path = null; overlay(false); });
      stage.addEventListener("pointerleave", () => { where = null; if (!held) { hover(side, -1); showTip(); } });
      stage.addEventListener("wheel", (event) => {
        event.preventDefault();
        s.fitted = false;
        zoom(Math.exp(-Math.max(-80, Math.min(80, event.deltaY)) * 0.004), side, event.offsetX, event.offsetY);
      }, { passive: false });
      stage.addEventListener("keydown", (event) => key(event, side));
      stage.addEventListener("focus", () => { s.side = side; tell(s.at); });
    });

    const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    function key(event, side) {
      if (event.altKey || event.ctrlKey || event.metaKey || !n) return;
      const arrow = ARROWS[event.key];
      if (arrow && event.shiftKey) {
        s.fitted = false;
        s.view.x += (arrow[0] * 60) / s.view.k;
        s.view.y += (arrow[1] * 60) / s.view.k;
        redraw(true);
      } else if (arrow) walk(side, arrow);
      else if (event.key === "Enter" || event.key === " ") { if (s.at >= 0) chooseOne(s.at, event.shiftKey); }
      else if (event.key === "Escape") {
        s.at = s.hover = -1;
        light(-1);
        choose(new Uint32Array(0), s.chosen.length > 0);
      } else if (event.key === "+" || event.key === "=") zoom(1.5);
      else if (event.key === "-") zoom(1 / 1.5);
      else if (event.key === "0") fit();
      else return;
      event.preventDefault();
      event.stopPropagation();
    }
    function walk(side, [dx, dy]) {
      const next = s.at < 0 ? nearest(grid(side), s.view.x, s.view.y, Infinity) : onward(grid(side), s.at, dx, dy);
      s.side = side;
      if (next >= 0) s.at = next;
      const p = positions(side), [x, y] = screenOf(side, s.at), b = s.boxes[side];
      if (x < b.x + 12 || x > b.x + b.w - 12 || y < b.y + 12 || y > b.y + b.h - 12) {
        s.view.x = p[2 * s.at];
        s.view.y = p[2 * s.at + 1];
        s.fitted = false;
      }
      if (data.cosines && s.truth) { clearTimeout(resting); resting = setTimeout(() => light(s.at), DWELL); }
      box.dataset.at = String(idOf(s.at));
      tell(s.at);
      redraw();
    }

    // -- taking the picture away --

    const HEAD = 36, FOOT = 34;
    function entries() {
      const t = tokens(), shown = data.colourings[s.colouring], out = [];
      if (shown && shown.codes) shown.categories.forEach((name, c) => out.push([shapeOf(c), tint(c, t), name]));
      else if (shown) out.push([2, t.low, written(shown.low, shown.high - shown.low)], [2, t.high, `${written(shown.high, shown.high - shown.low)} (${shown.name})`]);
      if (data.muted && data.muted.some(Boolean)) out.push([0, t.noise, "within noise"]);
      return out;
    }
    function save(kind) {
      more.open = false;
      if (kind === "svg" && n > FLAT) {
        s.note = `An SVG drawing holds up to ${many(FLAT)} points; here are ${many(n)}. Take the PNG.`;
        return tell();
      }
      s.note = "";
      tell();
      const name = (s.options.label || "map").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "map";
      const hand = (blob) => {
        const link = make("a", { href: URL.createObjectURL(blob), download: `${name}.${kind}` });
        box.append(link);
        link.click();
        link.remove();
        setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      };
      if (kind === "svg") hand(new Blob([svgText()], { type: "image/svg+xml" }));
      else picture().toBlob(hand, "image/png");
    }
    function picture() {
      const t = tokens(), out = make("canvas"), r = s.ratio, pen = out.getContext("2d");
      out.width = surface.width;
      out.height = surface.height + (HEAD + FOOT) * r;
      pen.fillStyle = t.paper;
      pen.fillRect(0, 0, out.width, out.height);
      points();
      pen.drawImage(surface, 0, HEAD * r);
      s.hover = s.at = -1;
      overlay(false);
      pen.drawImage(over, 0, HEAD * r);
      pen.scale(r, r);
      pen.textBaseline = "middle";
      pen.fillStyle = t.ink;
      pen.font = `600 15px ${SANS}`;
      pen.fillText(s.options.label, 12, 18);
      pen.font = `12px ${SANS}`;
      stages.forEach((_, side) => pen.fillText(titles[side].textContent, s.boxes[side].x + 6, HEAD + s.boxes[side].y - 12));
      let x = 12;
      for (const [shape, fill, text] of entries()) {
        pen.fillStyle = fill;
        trace(pen, shape, x + 6, out.height / r - FOOT / 2, 6);
        pen.fill();
        pen.fillStyle = t.ink;
        pen.fillText(text, x + 17, out.height / r - FOOT / 2);
        x += 36 + pen.measureText(text).width;
      }
      return out;
    }
    function svgText() {
      const t = tokens(), w = maps.clientWidth, h = maps.clientHeight + HEAD + FOOT;
      const svg = drawn("svg", { xmlns: SVG, viewBox: `0 0 ${w} ${h}`, width: w, height: h, "font-family": SANS, "font-size": 12, fill: t.ink, role: "img" });
      svg.append(drawn("title", {}, s.options.label), drawn("rect", { width: w, height: h, fill: t.paper }),
        drawn("text", { x: 12, y: 23, "font-size": 15, "font-weight": 600 }, s.options.label));
      const full = emphasis().length > 0, picked = new Uint8Array(n);
      for (const i of emphasis()) picked[i] = 1;
      stages.forEach((_, side) => {
        const b = s.boxes[side], clip = `${uid}-${side}`, area = drawn("clipPath", { id: clip }), c = shades[side] || shades[0];
        area.append(drawn("rect", { x: b.x, y: b.y + HEAD, width: b.w, height: b.h }));
        const group = drawn("g", { "clip-path": `url(#${clip})` });
        for (let i = 0; i < n; i++) {
          const [x, y] = screenOf(side, i);
          if (x < b.x - 9 || x > b.x + b.w + 9 || y < b.y - 9 || y > b.y + b.h + 9) continue;
          const fade = full && !picked[i] ? 0.22 : 1, r = ((size() / s.ratio) * (marks[i] >= 16 ? 0.66 : 1)) / 2;
          const point = drawn("path", { d: pathOf(marks[i] & 7, x, y + HEAD, r), fill: `rgb(${c[4 * i]},${c[4 * i + 1]},${c[4 * i + 2]})`, "fill-opacity": ((c[4 * i + 3] / 255) * fade).toFixed(2) });
          if (data.names && n <= 2000) point.append(drawn("title", {}, data.names[i]));
          group.append(point);
        }
        for (const one of placed(side)) group.append(drawn("text", { x: one.x.toFixed(1), y: (one.y + HEAD + 4).toFixed(1) }, one.text));
        svg.append(area, drawn("text", { x: b.x + 6, y: HEAD + b.y - 8 }, titles[side].textContent), group);
      });
      let x = 12;
      const pen = over.getContext("2d");
      pen.font = `12px ${SANS}`;
      for (const [shape, fill, text] of entries()) {
        svg.append(drawn("path", { d: pathOf(shape, x + 6, h - FOOT / 2, 6), fill }), drawn("text", { x: x + 17, y: h - FOOT / 2 + 4 }, text));
        x += 36 + pen.measureText(text).width;
      }
      return new XMLSerializer().serializeToString(svg);
    }

    // -- beginning and end --

    function dress() {
      box.style.height = `${s.options.height || 520}px`;
      box.dataset.theme = s.options.theme === "dark" ? "dark" : "light";
      const t = tokens();
      for (const [name, value] of Object.entries(t)) box.style.setProperty(`--${name}`, value);
      sayState();
    }
    const watch = new ResizeObserver(() => { measure(); if (s.fitted) s.view = { ...s.whole }; redraw(); });
    dress();
    pressed();
    tip.hidden = true;
    measure();
    recolour();
    fit();
    tell();
    watch.observe(maps);

    // a row of a table beside the maps may light its point
    const pointed = (event) => {
      const i = event.detail === null ? -1 : data.ids ? data.ids.indexOf(event.detail) : event.detail - data.first;
      hover(s.side, i >= 0 && i < n ? i : -1);
    };
    window.addEventListener("embedlab-hover", pointed);

    return {
      select(ids) {
        const wanted = new Set(ids);
        choose(Uint32Array.from({ length: n }, (_, i) => i).filter((i) => wanted.has(idOf(i))), false);
      },
      selectPacked(packed) {
        const next = unpack(packed).filter((i) => i < n);
        if (next.length === s.chosen.length && next.every((one, i) => one === s.chosen[i])) return;
        choose(next, false);
      },
      update(next) {
        const themed = next.theme !== s.options.theme;
        s.options = { ...s.options, ...next };
        dress();
        if (themed) recolour();
      },
      view: () => ({ colouring: data.colourings.length ? data.colourings[s.colouring].name : "", mode: s.mode, labels: s.labels, truth: s.truth, step: s.step === last() ? undefined : s.step }),
      destroy() {
        s.gone = true;
        window.removeEventListener("embedlab-hover", pointed);
        clearTimeout(settling);
        clearTimeout(resting);
        cancelAnimationFrame(running);
        watch.disconnect();
        card.destroy();
        root.replaceChildren();
      },
    };
  };
})();
