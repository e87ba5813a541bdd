// Two linked scatters on canvas. Ids travel as strings, so that no digit of an int64 is lost.
// Test hook: root.positionOf(view, id) gives a point's place on the page, root.dataset what is shown.
const ROLES = ["pool", "labelled", "memory", "picks"];
const NEAR = 12;
const PAD = { left: 66, right: 14, top: 8, bottom: 40 };

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lens");
  root.lens ??= new Lens(root);
  root.lens.send = setTriggerValue;
  root.lens.show(data);
}

const floats = (text) => new Float64Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
const el = (tag, cls, text) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text) node.textContent = text;
  return node;
};
const three = (v) => (v !== 0 && (Math.abs(v) < 0.001 || Math.abs(v) >= 1e5) ? v.toExponential(1) : String(+v.toPrecision(3)));

class Lens {
  constructor(root) {
    this.root = root;
    this.hidden = new Set();
    this.selected = new Set();
    this.tool = "Lasso";
    this.hover = -1;
    this.bar = root.appendChild(el("div", "bar"));
    this.views = root.appendChild(el("div", "views"));
    this.card = root.appendChild(el("div", "card"));
    this.card.hidden = true;
    root.style.position = "relative";
    this.plots = [0, 1].map((side) => new Plot(this, side));
    root.positionOf = (side, id) => this.plots[side].onPage(this.ids.indexOf(String(id)));
    new ResizeObserver(() => this.draw()).observe(root);
    const theme = setInterval(() => {
      if (!root.isConnected) return clearInterval(theme);
      const now = getComputedStyle(root).color;
      if (now !== this.theme) this.draw();
    }, 500);
  }

  show(data) {
    const same = this.ids && data.ids.length === this.ids.length && data.ids.every((id, i) => id === this.ids[i]);
    const known = new Set(data.ids);
    const shared = this.ids ? this.ids.some((id) => known.has(id)) : false;
    if (!shared) this.hidden.clear();
    const places = this.ids && this.plots.map((plot) => new Map(this.ids.map((id, i) => [id, [plot.x[i], plot.y[i]]])));
    Object.assign(this, data);
    const unpacked = (columns) => Object.fromEntries(Object.entries(columns).map(([name, text]) => [name, floats(text)]));
    [this.values, this.ranks] = [unpacked(data.scores), unpacked(data.ranks)];
    this.selected = new Set(data.selected);
    this.plots.forEach((plot, side) => plot.take(data.views[side], places && !same ? places[side] : places?.[side], shared));
    this.hover = -1;
    this.card.hidden = true;
    this.root.dataset.points = this.ids.length;
    this.tools();
    this.animate();
  }

  animate() {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const begin = performance.now();
    const frame = (now) => {
      this.progress = still ? 1 : Math.min((now - begin) / 300, 1);
      this.draw();
      if (this.progress < 1) requestAnimationFrame(frame);
    };
    frame(still ? begin + 300 : begin);
  }

  tools() {
    const legend = el("div", "legend");
    for (const role of ["picks", "labelled", "memory", "pool"]) {
      const count = this.role.filter((r) => ROLES[r] === role).length;
      if (!count) continue;
      const button = el("button", "role");
      button.append(this.symbol(role), `${role} ${count.toLocaleString("en")}`);
      button.setAttribute("aria-pressed", !this.hidden.has(role));
      button.title = `Hide or show: ${role}`;
      button.onclick = () => {
        this.hidden.has(role) ? this.hidden.delete(role) : this.hidden.add(role);
        this.tools();
        this.draw();
      };
      legend.append(button);
    }
    for (const [name, colour] of this.meanings) {
      const item = el("span");
      const dot = el("span", "swatch");
      dot.style.background = colour;
      item.append(dot, ` ${name}`);
      legend.append(item);
    }
    const tools = el("div", "tools");
    for (const name of ["Lasso", "Box", "Pan"]) {
      const button = el("button", "", name);
      button.setAttribute("aria-pressed", this.tool === name);
      button.onclick = () => {
        this.tool = name;
        this.tools();
      };
      tools.append(button);
    }
    const clear = el("button", "", "Clear selection");
    clear.onclick = () => this.choose([]);
    clear.hidden = !this.selected.size;
    if (clear.hidden) clear.style.display = "none";
    this.bar.replaceChildren(legend, el("span", "space"), clear, tools);
    this.root.dataset.selected = this.selected.size;
  }

  symbol(role) {
    const canvas = el("canvas");
    canvas.width = canvas.height = 28;
    canvas.style.cssText = "width:14px;height:14px";
    const pen = new CanvasPen(canvas.getContext("2d"), 2);
    mark(pen, role, 7, 7, this.role_colours[role] || "#8A94A0", this.ink());
    return canvas;
  }

  ink() {
    const style = getComputedStyle(this.root);
    return { text: style.color, paper: style.getPropertyValue("--st-background-color") || "#fff", faint: "rgba(128,138,150,.55)",
      accent: style.getPropertyValue("--st-primary-color") || "#0B7FC2" };
  }

  draw() {
    this.theme = getComputedStyle(this.root).color;
    for (const plot of this.plots) plot.draw();
    this.over();
  }

  over() {
    this.root.dataset.hover = this.hover < 0 ? "" : this.ids[this.hover];
    for (const plot of this.plots) plot.over();
  }

  choose(ids) {
    this.selected = new Set(ids);
    this.tools();
    this.draw();
    this.send("lasso", ids);
  }

  point(i, plot) {
    if (i === this.hover) return;
    this.hover = i;
    this.over();
    this.card.hidden = i < 0;
    if (i < 0) return;
    const picture = el("canvas");
    picture.width = picture.height = 64;
    const text = el("div");
    text.append(el("b", "", this.titles[this.title[i]]));
    const lines = [`predicted ${this.titles[this.predicted[i]]} (${(100 * this.p[i]).toFixed(0)} %)`, `${ROLES[this.role[i]]} · sample ${this.ids[i]}`];
    for (const [name, values] of Object.entries(this.values)) {
      if (Number.isNaN(values[i])) continue;
      lines.push(`${name} ${three(values[i])} · rank ${this.ranks[name][i].toLocaleString("en")} of ${this.n_pool.toLocaleString("en")}`);
    }
    for (const line of lines) text.append(el("div", "", line));
    this.card.replaceChildren(...(this.picture(picture, i) ? [picture] : []), text);
    const at = plot.onPage(i), frame = this.root.getBoundingClientRect();
    const left = at.x - frame.left, right = left + 16 + this.card.offsetWidth > frame.width;
    this.card.style.left = `${Math.max(0, right ? left - 16 - this.card.offsetWidth : left + 16)}px`;
    this.card.style.top = `${Math.max(0, at.y - frame.top - this.card.offsetHeight / 2)}px`;
    this.root.dataset.card = lines.join("\n");
  }

  picture(canvas, i) {
    const sheet = document.querySelector(`img.${this.sprite.name}`);
    if (!sheet || !sheet.complete || !sheet.naturalWidth) return false;
    const { tile, columns } = this.sprite;
    const pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = tile > 20;
    pen.drawImage(sheet, (i % columns) * tile, Math.floor(i / columns) * tile, tile, tile, 0, 0, 64, 64);
    return true;
  }
}

class CanvasPen {
  constructor(pen, scale) {
    this.pen = pen;
    pen.setTransform(scale, 0, 0, scale, 0, 0);
  }
  shape(path, { fill, stroke, width = 1, alpha = 1, dash = [] }) {
    const p = this.pen;
    p.globalAlpha = alpha;
    p.beginPath();
    if (path.r) p.arc(path.x, path.y, path.r, 0, 7);
    else path.points.forEach(([x, y], i) => (i ? p.lineTo(x, y) : p.moveTo(x, y)));
    if (path.closed) p.closePath();
    p.setLineDash(dash);
    if (fill) (p.fillStyle = fill), p.fill();
    if (stroke) (p.strokeStyle = stroke), (p.lineWidth = width), p.stroke();
    p.globalAlpha = 1;
  }
  text(words, x, y, { fill, align = "center", turn = 0, size = 12 }) {
    const p = this.pen;
    p.save();
    p.translate(x, y);
    p.rotate((turn * Math.PI) / 180);
    p.fillStyle = fill;
    p.font = `${size}px sans-serif`;
    p.textAlign = align;
    p.fillText(words, 0, 0);
    p.restore();
  }
}

class SvgPen {
  constructor(width, height) {
    this.svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) this.svg.setAttribute(name, value);
    this.add("rect", { width, height, fill: "#fff" });
  }
  add(tag, values) {
    const node = document.createElementNS(this.svg.namespaceURI, tag);
    for (const [name, value] of Object.entries(values)) node.setAttribute(name, value);
    return this.svg.appendChild(node);
  }
  shape(path, { fill = "none", stroke = "none", width = 1, alpha = 1, dash = [] }) {
    const look = { fill, stroke, "stroke-width": width, opacity: alpha, "stroke-dasharray": dash.join(" ") };
    if (path.r) this.add("circle", { cx: path.x.toFixed(2), cy: path.y.toFixed(2), r: path.r, ...look });
    else this.add("path", { d: "M" + path.points.map((p) => p.map((v) => v.toFixed(2)).join(" ")).join("L") + (path.closed ? "Z" : ""), ...look });
  }
  text(words, x, y, { fill, align = "center", turn = 0, size = 12 }) {
    const anchor = { center: "middle", left: "start", right: "end" }[align];
    const node = this.add("text", { transform: `translate(${x} ${y}) rotate(${turn})`, fill, "text-anchor": anchor, "font-size": size, "font-family": "sans-serif" });
    node.textContent = words;
  }
}

// Thousands of points are drawn smaller and fainter, so that where they crowd can be seen.
const crowd = (n) => (n > 5000 ? 0.5 : n > 1500 ? 0.7 : 1);

function mark(pen, role, x, y, given, ink, alpha = 1, size = 1) {
  const colour = given || (role === "pool" ? ink.faint : "#8A94A0");
  if (role === "picks") pen.shape({ x, y, r: 6 }, { fill: colour, stroke: ink.paper, width: 1.6, alpha });
  else if (role === "labelled") pen.shape({ x, y, r: 4 }, { fill: colour, stroke: size < 1 ? ink.paper : undefined, width: 1, alpha });
  else if (role === "memory") pen.shape({ points: [[x, y - 6], [x + 6, y], [x, y + 6], [x - 6, y]], closed: true }, { stroke: colour, width: 2.2, alpha });
  else pen.shape({ x, y, r: 2.6 * size ** 0.7 }, { fill: colour, alpha: alpha * size });
}

function ticks(low, high, log) {
  if (log) {
    const from = Math.ceil(low - 1e-9), to = Math.floor(high + 1e-9), every = Math.max(1, Math.ceil((to - from + 1) / 6));
    const found = [];
    for (let e = from; e <= to; e += every) found.push([e, e >= -3 && e <= 4 ? String(+(10 ** e).toPrecision(3)) : `1e${e}`]);
    if (found.length > 1) return found;
    return [0, 1, 2, 3].map((i) => low + ((high - low) * (i + 0.5)) / 4).map((v) => [v, three(10 ** v)]);
  }
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step / 1e6; v += step) found.push([v, three(Math.abs(v) < step / 1e6 ? 0 : v)]);
  return found;
}

class Plot {
  constructor(lens, side) {
    this.lens = lens;
    this.side = side;
    const box = lens.views.appendChild(el("div", "view"));
    const head = box.appendChild(el("div", "head"));
    this.name = head.appendChild(el("span"));
    head.append(el("span", "space"));
    for (const kind of ["PNG", "SVG"]) {
      const button = head.appendChild(el("button", "", kind));
      button.title = `Download this picture as ${kind}`;
      button.onclick = () => this.download(kind);
    }
    this.box = box.appendChild(el("div", "plot"));
    this.base = this.box.appendChild(el("canvas"));
    this.top = this.box.appendChild(el("canvas"));
    this.top.tabIndex = 0;
    this.listen();
  }

  take(view, places, keepZoom) {
    this.view = view;
    this.name.textContent = view.title;
    this.top.setAttribute("aria-label", `${view.title}: arrow keys go from point to point, Enter opens one`);
    const scale = view.log_y ? Math.log10 : (v) => v;
    this.x = floats(view.x);
    this.y = floats(view.y).map(scale);
    this.from = places ? this.lens.ids.map((id) => places.get(id)) : null;
    const full = [...span(this.x), ...span(this.y)];
    const cuts = [view.x_cut, view.y_cut === null ? null : scale(view.y_cut)];
    this.cuts = cuts;
    const zoomed = keepZoom && this.full && this.zoom.some((v, i) => v !== this.full[i]) && view.title === this.shown;
    this.full = full;
    this.shown = view.title;
    if (!zoomed) this.zoom = [...full];
  }

  at(i) {
    let x = this.x[i], y = this.y[i];
    const old = this.lens.progress < 1 && this.from?.[i];
    if (old && !Number.isNaN(old[0])) {
      const t = this.lens.progress;
      x = old[0] + (x - old[0]) * t;
      y = old[1] + (y - old[1]) * t;
    }
    return [this.px(x), this.py(y)];
  }
  px(x) {
    const [a, b] = this.zoom;
    return PAD.left + ((x - a) / (b - a)) * (this.width - PAD.left - PAD.right);
  }
  py(y) {
    const [, , a, b] = this.zoom;
    return this.height - PAD.bottom - ((y - a) / (b - a)) * (this.height - PAD.top - PAD.bottom);
  }
  onPage(i) {
    const frame = this.top.getBoundingClientRect(), [x, y] = this.at(i);
    return { x: frame.left + x, y: frame.top + y };
  }
  seen(i) {
    return !Number.isNaN(this.x[i]) && Number.isFinite(this.y[i]) && !this.lens.hidden.has(ROLES[this.lens.role[i]]);
  }
  inside(x, y) {
    return x >= PAD.left - 7 && x <= this.width - PAD.right + 7 && y >= PAD.top - 7 && y <= this.height - PAD.bottom + 7;
  }

  size() {
    this.width = this.box.clientWidth;
    this.height = this.box.clientHeight;
    const scale = devicePixelRatio || 1;
    for (const canvas of [this.base, this.top]) {
      if (canvas.width !== Math.round(this.width * scale)) canvas.width = Math.round(this.width * scale);
      if (canvas.height !== Math.round(this.height * scale)) canvas.height = Math.round(this.height * scale);
    }
    return scale;
  }

  draw() {
    if (!this.view) return;
    const scale = this.size();
    const context = this.base.getContext("2d");
    context.clearRect(0, 0, this.base.width, this.base.height);
    this.paint(new CanvasPen(context, scale), this.lens.ink());
  }

  paint(pen, ink) {
    const { lens, view } = this;
    const right = this.width - PAD.right, bottom = this.height - PAD.bottom;
    const quiet = "rgba(128,138,150,.28)";
    pen.shape({ points: [[PAD.left, PAD.top], [PAD.left, bottom], [right, bottom]] }, { stroke: quiet });
    if (view.ticks) {
      for (const [v, text] of ticks(this.zoom[0], this.zoom[1], false)) pen.text(text, this.px(v), bottom + 15, { fill: ink.text, size: 11 });
      for (const [v, text] of ticks(this.zoom[2], this.zoom[3], view.log_y)) pen.text(text, PAD.left - 6, this.py(v) + 4, { fill: ink.text, align: "right", size: 11 });
    }
    pen.text(view.x_name, (PAD.left + right) / 2, bottom + 33, { fill: ink.text });
    pen.text(view.y_name, view.ticks ? 12 : PAD.left - 10, (PAD.top + bottom) / 2, { fill: ink.text, turn: -90 });
    const dim = lens.selected.size > 0, size = crowd(lens.n_pool);
    for (const role of ROLES) {
      if (lens.hidden.has(role)) continue;
      for (let i = 0; i < lens.ids.length; i++) {
        if (ROLES[lens.role[i]] !== role || !this.seen(i)) continue;
        const [x, y] = this.at(i);
        if (!this.inside(x, y)) continue;
        const chosen = lens.selected.has(lens.ids[i]);
        mark(pen, role, x, y, lens.palette[lens.colour[i]], ink, dim && !chosen ? 0.28 : 1, size);
        if (chosen) pen.shape({ x, y, r: role === "pool" ? 5 : 8.5 }, { stroke: ink.text, width: 1.6 });
        if (lens.change[i] === 1) pen.shape({ x, y, r: 10 }, { stroke: "#2E9E6B", width: 2 });
        if (lens.change[i] === 2) for (const d of [1, -1]) pen.shape({ points: [[x - 5, y - 5 * d], [x + 5, y + 5 * d]] }, { stroke: "#D5572B", width: 2 });
      }
    }
    const [cx, cy] = this.cuts, look = { stroke: view.cut_colour, width: 1.4, alpha: 0.85, dash: [5, 4] };
    if (cx !== null && cx >= this.zoom[0] && cx <= this.zoom[1]) {
      const x = this.px(cx), flip = x > right - 150;
      pen.shape({ points: [[x, PAD.top], [x, bottom]] }, look);
      pen.text(view.x_cut_name, x + (flip ? -5 : 5), bottom - 7, { fill: ink.text, align: flip ? "right" : "left", size: 11 });
    }
    if (cy !== null && cy >= this.zoom[2] && cy <= this.zoom[3]) {
      pen.shape({ points: [[PAD.left, this.py(cy)], [right, this.py(cy)]] }, look);
      pen.text(view.y_cut_name, PAD.left + 6, this.py(cy) - 5, { fill: ink.text, align: "left", size: 11 });
    }
  }

  over() {
    if (!this.view) return;
    const context = this.top.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.top.width, this.top.height);
    const pen = new CanvasPen(context, devicePixelRatio || 1), ink = this.lens.ink();
    const ring = (i, width) => {
      if (i < 0 || !this.seen(i)) return;
      const [x, y] = this.at(i);
      pen.shape({ x, y, r: 10 }, { stroke: ink.accent, width });
    };
    ring(this.lens.ids.indexOf(this.lens.opened ?? ""), 3);
    ring(this.lens.hover, 2);
    if (this.path?.length > 1) pen.shape({ points: this.path, closed: true }, { stroke: ink.accent, fill: "rgba(11,127,194,.10)", width: 1.5 });
  }

  nearest(x, y, far = NEAR) {
    let best = -1, least = far * far;
    for (let i = 0; i < this.lens.ids.length; i++) {
      if (!this.seen(i)) continue;
      const [a, b] = this.at(i), d = (a - x) ** 2 + (b - y) ** 2;
      // Of two at one place the one drawn on top wins.
      if (d < least || (d === least && best >= 0 && this.lens.role[i] > this.lens.role[best])) (best = i), (least = d);
    }
    return best;
  }

  listen() {
    const node = this.top;
    const where = (event) => {
      const frame = node.getBoundingClientRect();
      return [event.clientX - frame.left, event.clientY - frame.top];
    };
    node.onpointerdown = (event) => {
      node.setPointerCapture(event.pointerId);
      this.down = where(event);
      this.path = [this.down];
      this.dragged = [...this.zoom];
    };
    node.onpointermove = (event) => {
      const now = where(event);
      if (!this.down) return this.lens.point(this.nearest(...now), this);
      if (Math.hypot(now[0] - this.down[0], now[1] - this.down[1]) > 4) this.moved = true;
      if (!this.moved) return;
      this.lens.point(-1, this);
      const tool = event.shiftKey ? "Box" : this.lens.tool;
      if (tool === "Pan") {
        this.path = null;
        const [a, b, c, d] = this.dragged;
        const dx = ((now[0] - this.down[0]) / (this.width - PAD.left - PAD.right)) * (b - a);
        const dy = ((now[1] - this.down[1]) / (this.height - PAD.top - PAD.bottom)) * (d - c);
        this.zoom = [a - dx, b - dx, c + dy, d + dy];
        this.draw();
      } else if (tool === "Box") this.path = [this.down, [now[0], this.down[1]], now, [this.down[0], now[1]]];
      else this.path.push(now);
      this.over();
    };
    node.onpointerup = (event) => {
      const path = this.path, moved = this.moved;
      this.down = this.path = null;
      this.moved = false;
      if (!moved) {
        const i = this.nearest(...where(event));
        if (i >= 0) this.lens.send("opened", this.lens.ids[i]);
      } else if (path) {
        this.lens.choose(this.lens.ids.filter((_, i) => this.seen(i) && within(path, this.at(i))));
      }
      this.over();
    };
    node.onpointerleave = () => this.lens.point(-1, this);
    node.ondblclick = () => {
      this.zoom = [...this.full];
      this.lens.draw();
    };
    node.addEventListener("wheel", (event) => {
      event.preventDefault();
      const [x, y] = where(event), k = event.deltaY > 0 ? 1.15 : 1 / 1.15, [a, b, c, d] = this.zoom;
      const u = a + ((x - PAD.left) / (this.width - PAD.left - PAD.right)) * (b - a);
      const v = c + ((this.height - PAD.bottom - y) / (this.height - PAD.top - PAD.bottom)) * (d - c);
      this.zoom = [u + (a - u) * k, u + (b - u) * k, v + (c - v) * k, v + (d - v) * k];
      this.lens.draw();
    }, { passive: false });
    node.onkeydown = (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (way) {
        event.preventDefault();
        this.lens.point(this.towards(way), this);
      } else if (event.key === "Enter" && this.lens.hover >= 0) this.lens.send("opened", this.lens.ids[this.lens.hover]);
      else if (event.key === "Escape") this.lens.choose([]);
    };
  }

  towards([dx, dy]) {
    const start = this.lens.hover;
    if (start < 0) return this.lens.ids.findIndex((_, i) => this.seen(i) && ROLES[this.lens.role[i]] === "picks");
    const [x, y] = this.at(start);
    let best = start, least = Infinity;
    for (let i = 0; i < this.lens.ids.length; i++) {
      if (i === start || !this.seen(i)) continue;
      const [a, b] = this.at(i), along = (a - x) * dx + (b - y) * dy, off = Math.abs((a - x) * dy) + Math.abs((b - y) * dx);
      if (along > 0 && along + 2 * off < least) (best = i), (least = along + 2 * off);
    }
    return best;
  }

  download(kind) {
    const name = this.view.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
    const ink = { text: "#20242C", paper: "#FFFFFF", faint: "rgba(128,138,150,.55)", accent: "#0B7FC2" };
    const save = (blob) => {
      const link = el("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${name}.${kind.toLowerCase()}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 5000);
    };
    if (kind === "SVG") {
      const pen = new SvgPen(this.width, this.height);
      this.paint(pen, ink);
      save(new Blob([new XMLSerializer().serializeToString(pen.svg)], { type: "image/svg+xml" }));
    } else {
      const canvas = el("canvas");
      [canvas.width, canvas.height] = [this.width * 3, this.height * 3];
      const pen = new CanvasPen(canvas.getContext("2d"), 3);
      pen.shape({ points: [[0, 0], [this.width, 0], [this.width, this.height], [0, this.height]] }, { fill: "#fff" });
      this.paint(pen, ink);
      canvas.toBlob(save, "image/png");
    }
  }
}

function span(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (Number.isFinite(v)) (low = Math.min(low, v)), (high = Math.max(high, v));
  if (low > high) [low, high] = [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.04;
  return [low - room, high + room];
}

function within(path, [x, y]) {
  let inside = false;
  for (let i = 0, j = path.length - 1; i < path.length; j = i++) {
    const [a, b] = path[i], [c, d] = path[j];
    if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) inside = !inside;
  }
  return inside;
}
