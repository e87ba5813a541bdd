// Run by tests/test_js.py, or by `node --test tests/js/*.test.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  PAD, between, box, emptiest, inside, nearest, panned, placeOf, span, towards, valueAt, within, zoomed,
} from "../../app/inspection/linked_scatters/geometry.mjs";

const SIZE = { width: 480, height: 348 };
const WINDOW = [-1, 3, 10, 20];
const INNER = { left: PAD.left, right: SIZE.width - PAD.right, top: PAD.top, bottom: SIZE.height - PAD.bottom };
const close = (found, wanted) => found.forEach((v, i) => assert.ok(Math.abs(v - wanted[i]) < 1e-9, `${found} is not ${wanted}`));

test("the corners of the window are the corners of the frame, up is up", () => {
  close(placeOf(WINDOW, SIZE, [-1, 10]), [INNER.left, INNER.bottom]);
  close(placeOf(WINDOW, SIZE, [3, 20]), [INNER.right, INNER.top]);
  close(placeOf(WINDOW, SIZE, [1, 15]), [(INNER.left + INNER.right) / 2, (INNER.top + INNER.bottom) / 2]);
});

test("a value is found again at its place", () => {
  for (const value of [[0, 12], [-5, 40], [2.5, 10]]) close(valueAt(WINDOW, SIZE, placeOf(WINDOW, SIZE, value)), value);
});

test("a dragged value stays under the mouse", () => {
  const from = [100, 60], to = [170, 200];
  const moved = panned(WINDOW, SIZE, from, to);
  close(placeOf(moved, SIZE, valueAt(WINDOW, SIZE, from)), to);
  close([moved[1] - moved[0], moved[3] - moved[2]], [4, 10]);
});

test("the wheel keeps the value under the mouse and stretches the rest", () => {
  const at = [333, 77], nearer = zoomed(WINDOW, SIZE, at, 1 / 2);
  close(valueAt(nearer, SIZE, at), valueAt(WINDOW, SIZE, at));
  close([nearer[1] - nearer[0], nearer[3] - nearer[2]], [2, 5]);
  close(zoomed(nearer, SIZE, at, 2), WINDOW);
});

test("the whole is every finite value with a little room", () => {
  close(span([3, NaN, 1, -Infinity, 2]), [1 - 0.08, 3 + 0.08]);
  close(span([]), [-0.04, 1.04]);
  close(span([NaN]), [-0.04, 1.04]);
  close(span([-50, -50]), [-52, -48]);
  close(span([0]), [-0.04, 0.04]);
});

test("half a mark may stand over the edge, more of it not", () => {
  for (const [x, y] of [[INNER.left, INNER.top], [INNER.right, INNER.bottom]]) assert.ok(inside(SIZE, [x, y]));
  assert.ok(inside(SIZE, [INNER.left - 7, INNER.bottom + 7]));
  assert.ok(!inside(SIZE, [INNER.left - 7.1, INNER.top]) && !inside(SIZE, [INNER.right + 7.1, INNER.top]));
  assert.ok(!inside(SIZE, [INNER.left, INNER.top - 7.1]) && !inside(SIZE, [INNER.left, INNER.bottom + 7.1]));
});

test("a sample travels from where it was, a new one is there at once", () => {
  assert.deepEqual(between([0, 10], [4, 30], 0.25), [1, 15]);
  assert.deepEqual(between([0, 10], [4, 30], 1), [4, 30]);
  for (const from of [null, undefined, [NaN, 3]]) assert.deepEqual(between(from, [4, 30], 0.25), [4, 30]);
});

test("a box holds what lies between its corners, whichever way it is drawn", () => {
  for (const [from, to] of [[[10, 20], [30, 60]], [[30, 60], [10, 20]], [[30, 20], [10, 60]]]) {
    const path = box(from, to);
    assert.ok(within(path, [11, 21]) && within(path, [29, 59]));
    for (const out of [[9, 40], [31, 40], [20, 19], [20, 61]]) assert.ok(!within(path, out));
  }
});

test("a lasso bends round what it leaves out", () => {
  const horseshoe = [[0, 0], [30, 0], [30, 30], [20, 30], [20, 10], [10, 10], [10, 30], [0, 30]];
  for (const [x, y] of [[5, 25], [25, 25], [15, 5]]) assert.ok(within(horseshoe, [x, y]));
  assert.ok(!within(horseshoe, [15, 25]));
  assert.ok(!within([[5, 5]], [5, 5]) && !within([], [0, 0]));
});

test("a lasso holds what it winds around an odd number of times", () => {
  let seed = 7;
  const draw = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  let found = 0;
  for (let k = 0; k < 200; k++) {
    const path = Array.from({ length: 9 }, () => [draw(), draw()]), [x, y] = [draw(), draw()];
    const angles = path.map(([a, b]) => Math.atan2(b - y, a - x));
    const turns = angles.map((angle, i) => Math.atan2(Math.sin(angles.at(i - 1) - angle), Math.cos(angles.at(i - 1) - angle)));
    const times = Math.round(turns.reduce((sum, turn) => sum + turn) / (2 * Math.PI));
    assert.equal(within(path, [x, y]), times % 2 !== 0);
    found += times % 2 !== 0;
  }
  assert.ok(found > 20 && found < 180);
});

test("the nearest point within reach, never one that is not seen", () => {
  const places = [[0, 0], null, [10, 0], [100, 100]], layers = [0, 3, 1, 0];
  assert.equal(nearest(places, [4, 0], layers), 0);
  assert.equal(nearest(places, [6, 0], layers), 2);
  assert.equal(nearest(places, [100, 111], layers), 3);
  assert.equal(nearest(places, [100, 112], layers), -1);
  assert.equal(nearest(places, [100, 112], layers, 13), 3);
  assert.equal(nearest([null], [0, 0], [0]), -1);
});

test("of two at one place the one on top", () => {
  assert.equal(nearest([[5, 5], [5, 5], [5, 5]], [5, 5], [0, 3, 2]), 1);
});

test("an arrow key goes to the next point its way, and stays where there is none", () => {
  const places = [[50, 50], [60, 52], [90, 50], [50, 20], null];
  assert.equal(towards(places, 0, [1, 0]), 1);
  assert.equal(towards(places, 1, [1, 0]), 2);
  assert.equal(towards(places, 0, [0, -1]), 3);
  assert.equal(towards(places, 0, [-1, 0]), 0);
  assert.equal(towards(places, 4, [1, 0]), 4);
});

test("a name stands where the fewest points lie, and first of these", () => {
  const boxes = [[0, 0, 10, 10], [10, 0, 20, 10], [20, 0, 30, 10]];
  assert.deepEqual(emptiest(boxes, [[5, 5], null, [15, 5], [15, 6], [25, 50]]), boxes[2]);
  assert.deepEqual(emptiest(boxes, [[5, 5], [15, 5], [25, 5]]), boxes[0]);
});
