// Where the values of a plot lie on the page, and which of its points a mouse or a key means. Nothing is drawn in here.
//
// A window is [left, right, bottom, top] in values, a size { width, height } in pixels with PAD around the values, a
// place [x, y] in pixels from the upper left corner; `places` has null for each point that is not seen.

export const PAD = { left: 66, right: 14, top: 8, bottom: 40 };
const MARGIN = 7;

const inner = ({ width, height }) => [width - PAD.left - PAD.right, height - PAD.top - PAD.bottom];

// Smallest and largest of the finite values, with some room; 0 to 1 where there is none.
export function span(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (Number.isFinite(v)) (low = Math.min(low, v)), (high = Math.max(high, v));
  if (low > high) [low, high] = [0, 1];
  const room = (high - low || Math.abs(high) || 1) * 0.04;
  return [low - room, high + room];
}

export function placeOf([left, right, bottom, top], size, [x, y]) {
  const [wide, high] = inner(size);
  return [
    PAD.left + ((x - left) / (right - left)) * wide,
    size.height - PAD.bottom - ((y - bottom) / (top - bottom)) * high,
  ];
}

export function valueAt([left, right, bottom, top], size, [x, y]) {
  const [wide, high] = inner(size);
  return [
    left + ((x - PAD.left) / wide) * (right - left),
    bottom + ((size.height - PAD.bottom - y) / high) * (top - bottom),
  ];
}

// Of some boxes [left, top, right, bottom] the first of those that hold the fewest places.
export function emptiest(boxes, places) {
  const held = boxes.map(([left, top, right, bottom]) =>
    places.filter((p) => p && p[0] >= left && p[0] <= right && p[1] >= top && p[1] <= bottom).length);
  return boxes[held.indexOf(Math.min(...held))];
}

// The window after its values were dragged from one place to another.
export function panned([left, right, bottom, top], size, from, to) {
  const [wide, high] = inner(size);
  const dx = ((to[0] - from[0]) / wide) * (right - left), dy = ((to[1] - from[1]) / high) * (top - bottom);
  return [left - dx, right - dx, bottom + dy, top + dy];
}

// The window `times` as wide and high, with the value at this place where it was.
export function zoomed(window, size, place, times) {
  const [left, right, bottom, top] = window, [x, y] = valueAt(window, size, place);
  return [x + (left - x) * times, x + (right - x) * times, y + (bottom - y) * times, y + (top - y) * times];
}

// Whether a mark at this place is drawn: half of it may stand over the edge.
export function inside({ width, height }, [x, y]) {
  return x >= PAD.left - MARGIN && x <= width - PAD.right + MARGIN && y >= PAD.top - MARGIN && y <= height - PAD.bottom + MARGIN;
}

// On the way from one point to another; a point that was nowhere is where it goes at once.
export function between(from, to, share) {
  if (share >= 1 || !from || Number.isNaN(from[0])) return to;
  return [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
}

export const box = (from, to) => [from, [to[0], from[1]], to, [from[0], to[1]]];

// Whether a place lies within a closed path; where the path crosses itself every second part is outside.
export function within(path, [x, y]) {
  let odd = false;
  for (let i = 0, j = path.length - 1; i < path.length; j = i++) {
    const [a, b] = path[i], [c, d] = path[j];
    if (b > y !== d > y && x < ((c - a) * (y - b)) / (d - b) + a) odd = !odd;
  }
  return odd;
}

// The point nearest to a place and less than `far` pixels from it, else -1. Of two at one place the one drawn on top,
// of the higher layer, wins.
export function nearest(places, [x, y], layers, far = 12) {
  let best = -1, least = far * far;
  places.forEach((place, i) => {
    if (!place) return;
    const d = (place[0] - x) ** 2 + (place[1] - y) ** 2;
    if (d < least || (d === least && best >= 0 && layers[i] > layers[best])) (best = i), (least = d);
  });
  return best;
}

// From the point `start` the next one in the direction [dx, dy] of an arrow key; `start` where there is none.
export function towards(places, start, [dx, dy]) {
  if (!places[start]) return start;
  const [x, y] = places[start];
  let best = start, least = Infinity;
  places.forEach((place, i) => {
    if (!place || i === start) return;
    const [a, b] = [place[0] - x, place[1] - y], along = a * dx + b * dy, off = Math.abs(a * dy) + Math.abs(b * dx);
    if (along > 0 && along + 2 * off < least) (best = i), (least = along + 2 * off);
  });
  return best;
}
