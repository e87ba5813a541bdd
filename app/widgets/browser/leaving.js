// Follows the link beside it as soon as that is there; not while it is drawn itself, for it vanishes in what follows.
// Nothing calls it off: a page that is drawn again before the link is there draws the link again too.
const PATIENCE_MS = 5000;

export default function () {
  const end = performance.now() + PATIENCE_MS;
  const follow = () => {
    const link = document.querySelector(".st-key-leaving a");
    if (link) link.click();
    else if (performance.now() < end) setTimeout(follow, 10);
  };
  setTimeout(follow);
}
