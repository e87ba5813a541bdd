// Choosing and labelling by hand. What is chosen lives here until it is sent: the page may redraw meanwhile.
const el = (tag, cls, text) => {
  const node = document.createElement(tag);
  if (cls) node.className = cls;
  if (text !== undefined) node.textContent = text;
  return node;
};

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".hands");
  if (root.dataset.query !== data.query) {
    root.dataset.query = data.query;
    root.chosen = new Set(data.chosen);
    root.labels = new Map(data.given);
  }
  const places = new Map(data.cards.map((card, i) => [card.id, i]));
  const buttons = new Map();
  const said = el("div", "said");
  const classOf = (id) => root.labels.get(id);

  function redraw() {
    for (const [id, button] of buttons) {
      button.setAttribute("aria-pressed", root.chosen.has(id));
      const label = classOf(id);
      button.querySelector(".label").textContent = label === undefined ? data.cards[places.get(id)].title : data.classes[label];
      button.classList.toggle("by-hand", label !== undefined);
    }
    const given = [...root.labels.keys()].filter((id) => root.chosen.has(id)).length;
    const gone = data.picks.filter((id) => !root.chosen.has(id)).length;
    said.textContent = `${root.chosen.size} of ${data.most} chosen · ${gone} of the strategy's picks replaced · ${given} labelled by hand`;
    if (root.full) said.textContent += " · no room for more: take one away first";
    root.full = false;
    buy.textContent = `Buy these ${root.chosen.size}`;
    buy.disabled = root.chosen.size < 1 || root.chosen.size > data.most;
    Object.assign(root.dataset, { chosen: root.chosen.size, given });
  }

  function toggle(id, on = !root.chosen.has(id)) {
    if (!on) root.chosen.delete(id), root.labels.delete(id);
    else choose(id);
    redraw();
  }

  // True if the sample is chosen now: there is room for as many as the query wants.
  function choose(id) {
    const room = root.chosen.has(id) || root.chosen.size < data.most;
    if (room) root.chosen.add(id);
    else root.full = true;
    return room;
  }

  const keys = el("div", "keys");
  data.keys.forEach((key, k) => keys.append(el("span", "", `${key} ${data.classes[k]}`)));
  keys.append(el("span", "", "Del ask the data"));
  const buy = el("button", "buy");
  buy.onclick = () => {
    const ids = data.cards.map((card) => card.id).filter((id) => root.chosen.has(id));
    setTriggerValue("bought", { ids, labels: ids.map((id) => (root.labels.has(id) ? data.numbers[root.labels.get(id)] : null)) });
  };
  const again = el("button", "again", "Back to the strategy's picks");
  again.onclick = () => {
    root.chosen = new Set(data.picks);
    root.labels.clear();
    redraw();
  };
  const grid = el("div", "grid");
  data.cards.forEach((card, i) => {
    const button = el("button", "card");
    button.dataset.id = card.id;
    button.title = card.hint;
    const picture = button.appendChild(el("div", "picture"));
    const size = data.size, rows = Math.ceil(data.cards.length / data.columns);
    if (data.url) {
      const x = -(i % data.columns) * size, y = -Math.floor(i / data.columns) * size;
      picture.style.background = `url(${data.url}) ${x}px ${y}px/${data.columns * size}px ${rows * size}px`;
    }
    picture.style.width = picture.style.height = `${size}px`;
    button.append(el("span", "label"), el("span", "line", card.line));
    button.onclick = () => !root.dragged && toggle(card.id);
    button.onmouseenter = () => button.focus({ preventScroll: true });
    buttons.set(card.id, button);
    grid.append(button);
  });
  grid.onkeydown = (event) => {
    const id = event.target.closest("button")?.dataset.id, k = data.keys.indexOf(event.key), ask = ["Delete", "Backspace"].includes(event.key);
    if (id === undefined || (k < 0 && !ask)) return;
    event.preventDefault();
    if (ask) root.labels.delete(id);
    else if (choose(id)) root.labels.set(id, k);
    redraw();
  };
  frame(grid, root, (id) => toggle(id, true), buttons);
  const bar = el("div", "bar");
  bar.append(said, keys, again, buy);
  root.replaceChildren(bar, grid);
  redraw();
}

// A frame drawn over the cards chooses those it touches.
function frame(grid, root, choose, buttons) {
  let start = null, box = null;
  grid.onpointerdown = (event) => {
    start = [event.clientX, event.clientY];
    root.dragged = false;
  };
  grid.onpointermove = (event) => {
    if (!start || Math.hypot(event.clientX - start[0], event.clientY - start[1]) < 6) return;
    root.dragged = true;
    // Else the frame ends where the pointer leaves the cards for a moment.
    grid.setPointerCapture(event.pointerId);
    box ??= root.appendChild(el("div", "frame"));
    const [x, y] = start, here = root.getBoundingClientRect();
    Object.assign(box.style, {
      left: `${Math.min(x, event.clientX) - here.left}px`, top: `${Math.min(y, event.clientY) - here.top}px`,
      width: `${Math.abs(event.clientX - x)}px`, height: `${Math.abs(event.clientY - y)}px`,
    });
  };
  grid.onpointerup = grid.onpointercancel = () => {
    if (box) {
      const a = box.getBoundingClientRect();
      for (const [id, button] of buttons) {
        const b = button.getBoundingClientRect();
        if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) choose(id);
      }
      box.remove();
    }
    start = box = null;
    setTimeout(() => (root.dragged = false));
  };
}
