// The card beside the sample under the mouse: its picture, its class and the prediction, its scores and ranks.

import { el } from "./basics.mjs";
import { three } from "./ticks.mjs";

// Of sample i of the data that Python gave, as lines of text.
export function lines(data, i) {
  const found = [
    `predicted ${data.titles[data.predicted[i]]} (${(100 * data.p[i]).toFixed(0)} %)`,
    `${data.roles[data.role[i]].name} · sample ${data.ids[i]}`,
  ];
  if (data.true[i] >= 0 && data.true[i] !== data.title[i]) found.splice(1, 0, `truly ${data.titles[data.true[i]]}`);
  for (const [name, values] of Object.entries(data.values)) {
    if (Number.isNaN(values[i])) continue;
    found.push(`${name} ${three(values[i])} · rank ${data.ranks[name][i].toLocaleString("en")} of ${data.n_pool.toLocaleString("en")}`);
  }
  return found;
}

export function fill(card, data, i) {
  const text = el("div");
  text.append(el("b", "", data.titles[data.title[i]]));
  for (const line of lines(data, i)) text.append(el("div", "", line));
  card.replaceChildren(...picture(data.sprite, i), text);
}

// Beside a place on the page, on the side where there is room.
export function stand(card, at, frame) {
  const left = at.x - frame.left, right = left + 16 + card.offsetWidth > frame.width;
  card.style.left = `${Math.max(0, right ? left - 16 - card.offsetWidth : left + 16)}px`;
  card.style.top = `${Math.max(0, at.y - frame.top - card.offsetHeight / 2)}px`;
}

// Cut from the sheet that the page shows; none as long as it is not there.
function picture({ name, tile, columns }, i) {
  const sheet = document.querySelector(`img.${name}`);
  if (!sheet || !sheet.complete || !sheet.naturalWidth) return [];
  const canvas = el("canvas");
  canvas.width = canvas.height = 64;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = tile > 20;
  pen.drawImage(sheet, (i % columns) * tile, Math.floor(i / columns) * tile, tile, tile, 0, 0, 64, 64);
  return [canvas];
}
