// Follows the link beside it as soon as that is there; not while it is drawn itself, for it vanishes in what follows.
export default function () {
  let soon;
  const follow = () => {
    const link = document.querySelector(".st-key-leaving a");
    if (link) link.click();
    else soon = setTimeout(follow, 10);
  };
  soon = setTimeout(follow);
  return () => clearTimeout(soon);
}
