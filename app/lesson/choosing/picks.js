// Pictures to be picked, at most so many: by mouse, or by Tab, arrows, Space and Enter. What is picked lives here until
// the page sets it anew (data.turn): the page may be drawn again meanwhile.
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -10, ArrowDown: 10 };

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".picks");
  root.send = (ids) => setTriggerValue("picked", ids);
  if (root.dataset.turn === String(data.turn)) return;
  root.dataset.turn = data.turn;
  const picked = new Set(data.picked);
  const grid = Object.assign(document.createElement("div"), { className: "grid" });
  const said = Object.assign(document.createElement("div"), { className: "said" });
  said.setAttribute("role", "status");
  const rows = Math.ceil(data.ids.length / data.columns);

  function redraw(full) {
    for (const button of grid.children) button.setAttribute("aria-pressed", picked.has(button.dataset.id));
    said.textContent = `${picked.size} of ${data.most} picked` + (full ? ": no room for more, take one away first" : "");
  }

  data.ids.forEach((id, i) => {
    const button = document.createElement("button");
    button.dataset.id = id;
    button.title = data.hints[i];
    button.setAttribute("aria-label", `${data.hints[i]}, picture ${i + 1}`);
    const picture = button.appendChild(document.createElement("div"));
    const x = -(i % data.columns) * 52, y = -Math.floor(i / data.columns) * 52;
    picture.style.background = `url(${data.url}) ${x}px ${y}px/${data.columns * 52}px ${rows * 52}px`;
    button.onclick = () => {
      const full = !picked.has(id) && picked.size >= data.most;
      if (picked.has(id)) picked.delete(id);
      else if (!full) picked.add(id);
      redraw(full);
      if (!full) root.send(data.ids.filter((each) => picked.has(each)));
    };
    grid.append(button);
  });
  grid.onkeydown = (event) => {
    // The page's own keys (the next chapter, play) are not meant by who picks.
    if (event.key in STEPS || event.key === " " || event.key === "Enter") event.stopPropagation();
    const step = STEPS[event.key], at = [...grid.children].indexOf(event.target.closest("button"));
    if (!step || at < 0) return;
    event.preventDefault();
    grid.children[at + step]?.focus();
  };
  root.replaceChildren(grid, said);
  redraw(false);
}
