// What a plot looks like, drawn with any pen: its axes, the mark of every sample, the cuts.

import { PAD, emptiest, inside, placeOf } from "./geometry.mjs";
import { crowd, mark } from "./marks.mjs";
import { ticks } from "./ticks.mjs";

const SMALL = 11, LETTER = 5.6, LINE = 16; // of the names of the cuts, roughly
const QUIET = "rgba(128,138,150,.28)";

export function paint(pen, ink, plot) {
  axes(pen, ink, plot);
  points(pen, ink, plot);
  cuts(pen, ink, plot);
}

function axes(pen, ink, plot) {
  const { view, zoom } = plot, right = plot.width - PAD.right, bottom = plot.height - PAD.bottom;
  pen.shape({ points: [[PAD.left, PAD.top], [PAD.left, bottom], [right, bottom]] }, { stroke: QUIET });
  if (view.ticks) {
    for (const [v, text] of ticks(zoom[0], zoom[1], false)) pen.text(text, placeOf(zoom, plot, [v, 0])[0], bottom + 15, { fill: ink.text, size: 11 });
    for (const [v, text] of ticks(zoom[2], zoom[3], view.log_y)) pen.text(text, PAD.left - 6, placeOf(zoom, plot, [0, v])[1] + 4, { fill: ink.text, align: "right", size: 11 });
  }
  pen.text(view.x_name, (PAD.left + right) / 2, bottom + 33, { fill: ink.text });
  pen.text(view.y_name, view.ticks ? 12 : PAD.left - 10, (PAD.top + bottom) / 2, { fill: ink.text, turn: -90 });
}

// Role by role, the last one on top.
function points(pen, ink, plot) {
  const { lens } = plot, dim = lens.selected.size > 0, size = crowd(lens.n_pool), places = plot.places();
  lens.roles.forEach((role, layer) => {
    places.forEach((place, i) => {
      if (!place || lens.role[i] !== layer || !inside(plot, place)) return;
      const [x, y] = place, chosen = lens.selected.has(lens.ids[i]);
      mark(pen, role, x, y, lens.palette[lens.colour[i]], ink, dim && !chosen ? 0.28 : 1, size);
      if (chosen) pen.shape({ x, y, r: role.name === "pool" ? 5 : 8.5 }, { stroke: ink.text, width: 1.6 });
      if (lens.change[i] === 1) pen.shape({ x, y, r: 10 }, { stroke: "#2E9E6B", width: 2 });
      if (lens.change[i] === 2) for (const d of [1, -1]) pen.shape({ points: [[x - 5, y - 5 * d], [x + 5, y + 5 * d]] }, { stroke: "#D5572B", width: 2 });
    });
  });
}

// The cuts, where they lie in the window.
function cuts(pen, ink, plot) {
  const { view, zoom } = plot, right = plot.width - PAD.right, bottom = plot.height - PAD.bottom;
  const [cx, cy] = plot.cuts, [x, y] = placeOf(zoom, plot, [cx ?? 0, cy ?? 0]);
  const places = plot.places();
  const look = { stroke: view.cut_colour, width: 1.4, alpha: 0.85, dash: [5, 4] };
  if (cx !== null && cx >= zoom[0] && cx <= zoom[1]) {
    const wide = view.x_cut_name.length * LETTER + 6, boxes = [];
    for (let low = bottom - 1; low - LINE > PAD.top; low -= LINE) {
      for (const left of [x + 2, x - 2 - wide]) if (left > PAD.left && left + wide < right) boxes.push([left, low - LINE, left + wide, low]);
    }
    pen.shape({ points: [[x, PAD.top], [x, bottom]] }, look);
    named(pen, ink, view.x_cut_name, boxes, places);
  }
  if (cy !== null && cy >= zoom[2] && cy <= zoom[3]) {
    pen.shape({ points: [[PAD.left, y], [right, y]] }, look);
    const wide = view.y_cut_name.length * LETTER + 6, boxes = [];
    for (let left = PAD.left + 2; left + wide < right; left += LINE) {
      for (const low of [y - 1, y + LINE + 1]) boxes.push([left, low - LINE, left + wide, low]);
    }
    named(pen, ink, view.y_cut_name, boxes, places);
  }
}

// Beside its cut, where the fewest points lie.
function named(pen, ink, words, boxes, places) {
  if (!boxes.length) return;
  const [left, , , low] = emptiest(boxes, places);
  pen.text(words, left + 3, low - 5, { fill: ink.text, align: "left", size: SMALL, halo: ink.paper });
}
