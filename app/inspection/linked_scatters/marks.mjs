// How a sample is drawn: by the mark of its role (app/charts/score_plane.py), fainter where points crowd.

// Thousands of points are drawn smaller and fainter, so that where they crowd can be seen.
export const crowd = (n) => (n > 5000 ? 0.5 : n > 1500 ? 0.7 : 1);

export function mark(pen, role, x, y, given, ink, alpha = 1, crowded = 1) {
  const r = role.size / 2, colour = given || role.colour;
  if (role.shape === "hollow diamond") {
    pen.shape({ points: [[x, y - r], [x + r, y], [x, y + r], [x - r, y]], closed: true }, { stroke: colour, width: 2.2, alpha });
  } else if (role.name === "pool") {
    pen.shape({ x, y, r: r * crowded ** 0.7 }, { fill: colour, alpha: alpha * crowded });
  } else {
    const width = role.edge || (crowded < 1 ? 1 : 0);
    // An edge in the letters' colour: picks of a strategy whose own is grey are seen among grey points too.
    pen.shape({ x, y, r }, { fill: colour, stroke: role.edge ? ink.text : width ? ink.paper : undefined, width, alpha });
  }
}
