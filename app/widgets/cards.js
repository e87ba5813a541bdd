// A gallery whose cards can be opened: by mouse, or by Tab and Enter.
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".cards");
  root.replaceChildren(
    ...data.cards.map((card, i) => {
      const button = document.createElement("button");
      button.title = card.hint;
      button.setAttribute("aria-label", `${card.hint}: open`);
      button.setAttribute("aria-pressed", card.id === data.opened);
      button.dataset.id = card.id;
      const picture = document.createElement("div");
      picture.style.boxShadow = `0 0 0 2px ${card.colour}`;
      const size = data.size;
      picture.style.width = picture.style.height = `${size}px`;
      if (data.url) {
        const x = -(i % data.columns) * size, y = -Math.floor(i / data.columns) * size;
        const rows = Math.ceil(data.cards.length / data.columns);
        picture.style.background = `url(${data.url}) ${x}px ${y}px/${data.columns * size}px ${rows * size}px`;
      }
      button.append(picture);
      for (const line of [card.title, ...card.lines]) {
        const text = button.appendChild(document.createElement("span"));
        text.textContent = line;
      }
      button.onclick = () => setTriggerValue("opened", card.id);
      return button;
    })
  );
}
