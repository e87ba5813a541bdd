// The paper's table. A cell with runs is a button: by mouse, or by Tab and Enter.
export default function ({ data, parentElement, setTriggerValue }) {
  const make = (tag, text, name) => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    return element;
  };
  const table = document.createElement("table");
  const head = table.createTHead();
  const names = head.insertRow(), metrics = head.insertRow();
  for (const text of ["CL method", "Strategy"]) {
    const th = names.appendChild(make("th", text, "name"));
    th.rowSpan = 2;
  }
  for (const column of data.heads) {
    const th = names.appendChild(make("th", column.name));
    th.colSpan = data.metrics.length;
    th.append(make("span", ` ${column.memory}`, "faint"));
    for (const metric of data.metrics) metrics.append(make("th", metric, "metric"));
  }
  const body = table.createTBody();
  for (const row of data.rows) {
    const tr = body.insertRow();
    if (row.learner) tr.className = "first";
    tr.append(make("th", row.learner, "name"), make("th", row.strategy, "name"));
    for (const cell of row.cells) {
      const td = tr.insertCell();
      td.title = cell.hint;
      if (!cell.key) {
        td.append(make("span", cell.text), make("small", cell.hint));
        continue;
      }
      const button = td.appendChild(document.createElement("button"));
      button.setAttribute("aria-pressed", cell.key === data.opened);
      button.append(make(cell.place === 1 ? "b" : cell.place === 2 ? "u" : "span", cell.text), make("small", cell.n));
      for (const text of [cell.paper, ...(cell.measured || [])]) if (text) button.append(make("small", text, "paper"));
      button.onclick = () => {
        for (const other of table.querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
        setTriggerValue("opened", cell.key);
      };
    }
  }
  parentElement.querySelector(".paper-table").replaceChildren(table);
}
