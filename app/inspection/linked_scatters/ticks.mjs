// Where an axis has its ticks, and how numbers are written.

// Three digits; very small and large ones as powers of ten.
export const three = (v) => (v !== 0 && (Math.abs(v) < 0.001 || Math.abs(v) >= 1e5) ? v.toExponential(1) : String(+v.toPrecision(3)));

// [value, text] of each tick from low to high. On a logarithmic axis both are powers of ten, as the values are.
export function ticks(low, high, log) {
  return log ? powers(low, high) : rounds(low, high);
}

function rounds(low, high) {
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  // At most six: zoomed in as far as numbers go, adding a step would lead nowhere, for ever.
  const values = [0, 1, 2, 3, 4, 5].map((i) => (Math.ceil(low / step) + i) * step).filter((v) => v <= high + step / 1e6);
  return values.map((v) => [v, three(v)]);
}

function powers(low, high) {
  const from = Math.ceil(low - 1e-9), to = Math.floor(high + 1e-9), every = Math.max(1, Math.ceil((to - from + 1) / 6));
  const found = [];
  for (let e = from; e <= to; e += every) found.push([e, e >= -3 && e <= 4 ? String(+(10 ** e).toPrecision(3)) : `1e${e}`]);
  if (found.length > 1) return found;
  // Less than two whole powers: four values between them instead.
  return [0, 1, 2, 3].map((i) => low + ((high - low) * (i + 0.5)) / 4).map((v) => [v, three(10 ** v)]);
}
