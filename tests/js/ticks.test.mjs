// Run by tests/test_js.py, or by `node --test tests/js/*.test.mjs`.
import assert from "node:assert/strict";
import { test } from "node:test";

import { three, ticks } from "../../app/inspection/linked_scatters/ticks.mjs";

const texts = (...axis) => ticks(...axis).map(([, text]) => text);

test("a number has three digits, a very small or large one a power of ten", () => {
  assert.deepEqual([0, 1, 0.12345, 123.45, 99999, -2.5, 0.001].map(three), ["0", "1", "0.123", "123", "100000", "-2.5", "0.001"]);
  assert.deepEqual([0.0009999, 100000, -0.00012].map(three), ["1.0e-3", "1.0e+5", "-1.2e-4"]);
});

test("an axis has round steps", () => {
  assert.deepEqual(texts(0, 1, false), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
  assert.deepEqual(texts(0.19, 0.74, false), ["0.2", "0.4", "0.6"]);
  assert.deepEqual(texts(-30, 20, false), ["-30", "-20", "-10", "0", "10", "20"]);
});

test("whatever the range, a few ticks, all of them in it, evenly apart", () => {
  for (const low of [-1e6, -3, 0, 0.1, 7e-9]) {
    for (const wide of [1e-9, 0.013, 1, 47, 9e8]) {
      if (Math.abs(low) / wide > 1e9) continue;
      const found = ticks(low, low + wide, false).map(([v]) => v), step = found[1] - found[0];
      assert.ok(found.length >= 2 && found.length <= 6, `${low} + ${wide}: ${found}`);
      assert.ok(found[0] >= low - wide * 1e-6 && found.at(-1) <= low + wide * (1 + 1e-6));
      found.forEach((v, i) => assert.ok(Math.abs(v - found[0] - i * step) < wide * 1e-5));
    }
  }
});

test("zero is 0, not what rounding leaves of it", () => {
  assert.ok(texts(-0.3, 0.3, false).includes("0"));
});

test("zoomed in as far as numbers go, an end all the same", () => {
  for (const [low, high] of [[1e6, 1e6 + 1e-10], [1, 1 + 2 ** -52], [1, 1], [0, 0]]) assert.ok(ticks(low, high, false).length <= 6);
});

test("a logarithmic axis has powers of ten, written out near one", () => {
  assert.deepEqual(ticks(-2, 1, true), [[-2, "0.01"], [-1, "0.1"], [0, "1"], [1, "10"]]);
  assert.deepEqual(texts(-5.2, -2.8, true), ["1e-5", "1e-4", "0.001"]);
  assert.deepEqual(texts(3.5, 6.1, true), ["10000", "1e5", "1e6"]);
});

test("over very many powers of ten not every one", () => {
  const found = ticks(-30, 5, true).map(([v]) => v);
  assert.ok(found.length <= 6 && found[0] === -30);
  assert.equal(new Set(found.slice(1).map((v, i) => v - found[i])).size, 1);
});

test("within one power of ten four values", () => {
  const found = ticks(0.1, 0.9, true);
  assert.deepEqual(found.map(([v]) => +v.toFixed(9)), [0.2, 0.4, 0.6, 0.8]);
  assert.deepEqual(found.map(([, text]) => text), ["1.58", "2.51", "3.98", "6.31"]);
});
