// One way to draw, on a canvas or as SVG: shapes (a disc { x, y, r }, or lines { points, closed }) and words.

export class CanvasPen {
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
  // halo: the colour around the letters, so that what lies below does not run through them.
  text(words, x, y, { fill, align = "center", turn = 0, size = 12, halo }) {
    const p = this.pen;
    p.save();
    p.translate(x, y);
    p.rotate((turn * Math.PI) / 180);
    p.fillStyle = fill;
    p.font = `${size}px sans-serif`;
    p.textAlign = align;
    if (halo) (p.strokeStyle = halo), (p.lineWidth = 4), (p.lineJoin = "round"), p.setLineDash([]), p.strokeText(words, 0, 0);
    p.fillText(words, 0, 0);
    p.restore();
  }
}

export class SvgPen {
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
  text(words, x, y, { fill, align = "center", turn = 0, size = 12, halo }) {
    const anchor = { center: "middle", left: "start", right: "end" }[align];
    const node = this.add("text", { transform: `translate(${x} ${y}) rotate(${turn})`, fill, "text-anchor": anchor, "font-size": size, "font-family": "sans-serif" });
    if (halo) node.setAttribute("style", `paint-order:stroke;stroke:${halo};stroke-width:4px;stroke-linejoin:round`);
    node.textContent = words;
  }
}
