// Tells the page whether its window is narrow: a projector's 1024 pixels, or a part of a screen.
export default function ({ data, setStateValue }) {
  const narrow = window.matchMedia(`(max-width: ${data.narrow}px)`);
  const tell = () => {
    if (narrow.matches !== data.told) setStateValue("narrow", narrow.matches);
  };
  narrow.addEventListener("change", tell);
  tell();
  return () => narrow.removeEventListener("change", tell);
}
