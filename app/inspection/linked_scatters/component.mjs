// Two linked scatters on canvas. Ids travel as strings, so that no digit of an int64 is lost.
// Test hook: root.positionOf(view, id) gives a point's place on the page, root.dataset what is shown.

import { el, floats } from "./basics.mjs";
import { fill, lines, stand } from "./card.mjs";
import { mark } from "./marks.mjs";
import { CanvasPen } from "./pen.mjs";
import { Plot } from "./plot.mjs";

const TOOLS = ["Lasso", "Box", "Pan"];
const LEGEND = ["picks", "labelled", "memory", "pool"];

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".lens");
  root.lens ??= new Lens(root);
  root.lens.send = setTriggerValue;
  root.lens.show(data);
}

// What both plots share: the data, which samples are hidden, selected or under the mouse, and the tool.
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
    this.plots = [new Plot(this), new Plot(this)];
    root.positionOf = (side, id) => this.plots[side].onPage(this.ids.indexOf(String(id)));
    new ResizeObserver(() => this.draw()).observe(root);
    // The right picture as it forms, from a component of its own (forming.py): the rest of the page is not sent again.
    const form = (event) => (root.isConnected ? this.form(event.detail) : removeEventListener("acl-forming", form));
    addEventListener("acl-forming", form);
    const theme = setInterval(() => {
      if (!root.isConnected) return clearInterval(theme);
      const now = getComputedStyle(root).color;
      if (now !== this.theme) this.draw();
    }, 500);
  }

  show(data) {
    const known = new Set(data.ids);
    const shared = this.ids ? this.ids.some((id) => known.has(id)) : false;
    if (!shared) this.hidden.clear();
    const places = this.ids && this.plots.map((plot) => this.places(plot));
    Object.assign(this, data);
    const unpacked = (columns) => Object.fromEntries(Object.entries(columns).map(([name, text]) => [name, floats(text)]));
    [this.values, this.ranks] = [unpacked(data.scores), unpacked(data.ranks)];
    this.selected = new Set(data.selected);
    this.plots.forEach((plot, side) => plot.take(data.views[side], places?.[side], shared));
    this.hover = -1;
    this.card.hidden = true;
    this.root.dataset.points = this.ids.length;
    this.root.classList.toggle("large", data.large > 1);
    this.plots.forEach((plot, side) => {
      plot.box.parentElement.style.display = [-1, side].includes(data.only ?? -1) ? "" : "none";
    });
    this.tools();
    this.animate();
  }

  places(plot) {
    return new Map(this.ids.map((id, i) => [id, [plot.x[i], plot.y[i]]]));
  }

  // `of`: the samples it is of, by the name of their pictures. Not once the layout has come, nor under a hand that is
  // drawing a lasso.
  form({ of, view }) {
    const plot = this.plots[1];
    if (!this.forms || of !== this.sprite?.name || plot.down) return;
    for (const other of this.plots) other.from = null;
    plot.take(view, this.places(plot), true);
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
    const clear = el("button", "", "Clear selection");
    clear.onclick = () => this.choose([]);
    clear.hidden = !this.selected.size;
    if (clear.hidden) clear.style.display = "none";
    const tools = el("div", "tools");
    for (const name of TOOLS) {
      const button = el("button", "", name);
      button.setAttribute("aria-pressed", this.tool === name);
      button.onclick = () => {
        this.tool = name;
        this.tools();
      };
      tools.append(button);
    }
    this.bar.replaceChildren(this.legend(), el("span", "space"), clear, tools);
    this.root.dataset.selected = this.selected.size;
  }

  legend() {
    const legend = el("div", "legend");
    for (const name of LEGEND) {
      const count = this.role.filter((r) => this.roles[r].name === name).length;
      if (!count) continue;
      const button = el("button", "role");
      button.append(this.symbol(name), `${name} ${count.toLocaleString("en")}`);
      button.setAttribute("aria-pressed", !this.hidden.has(name));
      button.title = `Hide or show: ${name}`;
      button.onclick = () => {
        this.hidden.has(name) ? this.hidden.delete(name) : this.hidden.add(name);
        this.tools();
        this.draw();
      };
      legend.append(button);
    }
    for (const [sign, name, colour, there] of [
      ["○", "enters", "#2E9E6B", this.change.includes(1)],
      ["×", "leaves", "#D5572B", this.change.includes(2)],
      ["○", "lasso", "currentColor", this.selected.size > 0],
    ]) {
      if (!there) continue;
      const item = el("span"), shape = el("b", "", sign);
      shape.style.color = colour;
      item.append(shape, ` ${name}`);
      legend.append(item);
    }
    for (const [name, colour] of this.meanings) {
      const item = el("span"), dot = el("span", "swatch");
      dot.style.background = colour;
      item.append(dot, ` ${name}`);
      legend.append(item);
    }
    return legend;
  }

  symbol(name) {
    const canvas = el("canvas");
    canvas.width = canvas.height = 28;
    canvas.style.cssText = "width:14px;height:14px";
    const role = this.roles.find((role) => role.name === name);
    mark(new CanvasPen(canvas.getContext("2d"), 2), role, 7, 7, this.role_colours[name] || "#8A94A0", this.ink());
    return canvas;
  }

  ink() {
    const style = getComputedStyle(this.root);
    return { text: style.color, paper: style.getPropertyValue("--st-background-color") || "#fff",
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

  // The mouse or a key is at sample i of a plot; -1 is none.
  point(i, plot) {
    if (i === this.hover) return;
    this.hover = i;
    this.over();
    this.card.hidden = i < 0;
    if (i < 0) return;
    fill(this.card, this, i);
    stand(this.card, plot.onPage(i), this.root.getBoundingClientRect());
    this.root.dataset.card = lines(this, i).join("\n");
  }
}
