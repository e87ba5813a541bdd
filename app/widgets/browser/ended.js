// Where the app no longer answers, Streamlit asks about the internet: here it is said what has happened.
const THEIRS = /Streamlit server is not responding|Is Streamlit still running/;
const COMMAND = "streamlit run yourscript.py";

export default function ({ data }) {
  const rewrite = () => {
    for (const dialog of document.querySelectorAll("[role=dialog]")) {
      // Text alone is changed, in place: the elements are Streamlit's own.
      const texts = document.createTreeWalker(dialog, NodeFilter.SHOW_TEXT);
      for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        if (THEIRS.test(text.nodeValue)) text.nodeValue = data.sentence;
        else if (text.nodeValue.trim() === COMMAND) text.nodeValue = data.command;
      }
    }
  };
  const watch = new MutationObserver(rewrite);
  watch.observe(document.body, { childList: true, subtree: true, characterData: true });
  return () => watch.disconnect();
}
