// A button that fetches its file, and says so while it is made and where it cannot be.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".download");
  root.offer = data;
  if (!root.button) {
    root.button = root.appendChild(document.createElement("button"));
    root.said = root.appendChild(document.createElement("span"));
    root.said.setAttribute("role", "status");
    root.button.onclick = () => take(root);
  }
  if (!root.busy) show(root);
}

function show(root, label) {
  const { icon, help, disabled } = root.offer, parts = [];
  if (icon) {
    const symbol = document.createElement("i");
    symbol.textContent = label ? "hourglass_top" : icon;
    symbol.setAttribute("aria-hidden", "true");
    parts.push(symbol);
  }
  parts.push(label || root.offer.label);
  root.button.replaceChildren(...parts);
  root.button.title = help;
  root.button.disabled = disabled || Boolean(label);
}

async function take(root) {
  // A redraw meanwhile may offer another file: this press is about the one it was pressed for.
  const { url, name } = root.offer;
  root.busy = true;
  root.said.textContent = "";
  show(root, "Being made…");
  try {
    const reply = await fetch(url, { cache: "no-store" });
    if (!reply.ok) throw new Error(reply.status === 500 ? `${name} could not be made: see the app's log.` : await reply.text());
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await reply.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch (error) {
    root.said.textContent = error instanceof TypeError ? "The app on this machine does not answer." : error.message;
  }
  root.busy = false;
  show(root);
}
