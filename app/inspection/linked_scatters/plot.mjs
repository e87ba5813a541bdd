// One of the two plots: its points and its window, its two canvases, and what mouse and keys do in it.

import { el, floats } from "./basics.mjs";
import { between, box, nearest, panned, placeOf, span, towards, within, zoomed } from "./geometry.mjs";
import { CanvasPen, SvgPen } from "./pen.mjs";
import { paint } from "./picture.mjs";

const ON_PAPER = { text: "#20242C", paper: "#FFFFFF", accent: "#0B7FC2" };
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Plot {
  constructor(lens) {
    this.lens = lens;
    const view = lens.views.appendChild(el("div", "view"));
    const head = view.appendChild(el("div", "head"));
    this.name = head.appendChild(el("span"));
    head.append(el("span", "space"));
    for (const kind of ["PNG", "SVG"]) {
      const button = head.appendChild(el("button", "", kind));
      button.title = `Download this picture as ${kind}`;
      button.onclick = () => this.download(kind);
    }
    this.box = view.appendChild(el("div", "plot"));
    this.base = this.box.appendChild(el("canvas"));
    this.top = this.box.appendChild(el("canvas"));
    this.top.tabIndex = 0;
    this.listen();
  }

  // `places`: where each id was before, to come from there; `keepZoom`: where the same picture goes on.
  take(view, places, keepZoom) {
    this.view = view;
    this.name.textContent = view.title;
    this.top.setAttribute("aria-label", `${view.title}: arrow keys go from point to point, Enter opens one`);
    const scale = view.log_y ? Math.log10 : (v) => v;
    this.x = floats(view.x);
    this.y = floats(view.y).map(scale);
    this.from = places ? this.lens.ids.map((id) => places.get(id)) : null;
    this.fromZoom = this.zoom;
    this.cuts = [view.x_cut, view.y_cut === null ? null : scale(view.y_cut)];
    const full = [...span(this.x), ...span(this.y)];
    const zoomed = keepZoom && this.full && this.zoom.some((v, i) => v !== this.full[i]) && view.title === this.shown;
    this.full = full;
    this.shown = view.title;
    if (!zoomed) this.zoom = [...full];
  }

  at(i) {
    // On the page, not in values: the window they lie in may be another one now.
    const from = this.from?.[i];
    return between(from && placeOf(this.fromZoom, this, from), placeOf(this.zoom, this, [this.x[i], this.y[i]]), this.lens.progress);
  }
  onPage(i) {
    const frame = this.top.getBoundingClientRect(), [x, y] = this.at(i);
    return { x: frame.left + x * this.large, y: frame.top + y * this.large };
  }
  role(i) {
    return this.lens.roles[this.lens.role[i]].name;
  }
  seen(i) {
    return !Number.isNaN(this.x[i]) && Number.isFinite(this.y[i]) && !this.lens.hidden.has(this.role(i));
  }
  places() {
    return this.lens.ids.map((_, i) => (this.seen(i) ? this.at(i) : null));
  }

  // -- drawing

  // Before a room everything is drawn larger: places are then in units of so many pixels.
  get large() {
    return this.lens.large ?? 1;
  }

  size() {
    this.width = this.box.clientWidth / this.large;
    this.height = this.box.clientHeight / this.large;
    const scale = (devicePixelRatio || 1) * this.large;
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
    paint(new CanvasPen(context, scale), this.lens.ink(), this);
  }

  // What changes with every move of the mouse, on a canvas of its own: rings, and the path being drawn.
  over() {
    if (!this.view) return;
    const context = this.top.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.top.width, this.top.height);
    const pen = new CanvasPen(context, (devicePixelRatio || 1) * this.large), ink = this.lens.ink();
    const ring = (i, width) => {
      if (i < 0 || !this.seen(i)) return;
      const [x, y] = this.at(i);
      pen.shape({ x, y, r: 10 }, { stroke: ink.accent, width });
    };
    ring(this.lens.ids.indexOf(this.lens.opened ?? ""), 3);
    ring(this.lens.hover, 2);
    if (this.path?.length > 1) pen.shape({ points: this.path, closed: true }, { stroke: ink.accent, fill: "rgba(11,127,194,.10)", width: 1.5 });
  }

  download(kind) {
    const name = this.view.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
    const save = (blob) => {
      const link = el("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${name}.${kind.toLowerCase()}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 5000);
    };
    if (kind === "SVG") {
      const pen = new SvgPen(this.width, this.height);
      paint(pen, ON_PAPER, this);
      save(new Blob([new XMLSerializer().serializeToString(pen.svg)], { type: "image/svg+xml" }));
    } else {
      const canvas = el("canvas");
      [canvas.width, canvas.height] = [this.width * 3, this.height * 3];
      const pen = new CanvasPen(canvas.getContext("2d"), 3);
      pen.shape({ points: [[0, 0], [this.width, 0], [this.width, this.height], [0, this.height]] }, { fill: "#fff" });
      paint(pen, ON_PAPER, this);
      canvas.toBlob(save, "image/png");
    }
  }

  // -- mouse and keys

  listen() {
    const node = this.top;
    const where = (event) => {
      const frame = node.getBoundingClientRect();
      return [(event.clientX - frame.left) / this.large, (event.clientY - frame.top) / this.large];
    };
    node.onpointerdown = (event) => {
      node.setPointerCapture(event.pointerId);
      this.down = where(event);
      this.path = [this.down];
      this.dragged = [...this.zoom];
    };
    node.onpointermove = (event) => this.move(where(event), event.shiftKey ? "Box" : this.lens.tool);
    node.onpointerup = (event) => this.drop(where(event));
    node.onpointerleave = () => this.lens.point(-1, this);
    node.ondblclick = () => {
      this.zoom = [...this.full];
      this.lens.draw();
    };
    node.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom = zoomed(this.zoom, this, where(event), event.deltaY > 0 ? 1.15 : 1 / 1.15);
      this.lens.draw();
    }, { passive: false });
    node.onkeydown = (event) => {
      if (event.key in ARROWS) {
        event.preventDefault();
        this.lens.point(this.next(ARROWS[event.key]), this);
      } else if (event.key === "Enter" && this.lens.hover >= 0) this.lens.send("opened", this.lens.ids[this.lens.hover]);
      else if (event.key === "Escape") this.lens.choose([]);
    };
  }

  move(now, tool) {
    if (!this.down) return this.lens.point(this.pointed(now), this);
    if (Math.hypot(now[0] - this.down[0], now[1] - this.down[1]) > 4) this.moved = true;
    if (!this.moved) return;
    this.lens.point(-1, this);
    if (tool === "Pan") {
      this.path = null;
      this.zoom = panned(this.dragged, this, this.down, now);
      this.draw();
    } else if (tool === "Box") this.path = box(this.down, now);
    else this.path.push(now);
    this.over();
  }

  drop(now) {
    const path = this.path, moved = this.moved;
    this.down = this.path = null;
    this.moved = false;
    if (!moved) {
      const i = this.pointed(now);
      if (i >= 0) this.lens.send("opened", this.lens.ids[i]);
    } else if (path) {
      this.lens.choose(this.lens.ids.filter((_, i) => this.seen(i) && within(path, this.at(i))));
    }
    this.over();
  }

  pointed(place) {
    return nearest(this.places(), place, this.lens.role);
  }

  // The first pick to begin with, then from sample to sample.
  next(way) {
    const { hover, ids } = this.lens;
    return hover < 0 ? ids.findIndex((_, i) => this.seen(i) && this.role(i) === "picks") : towards(this.places(), hover, way);
  }
}
