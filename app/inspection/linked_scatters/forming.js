// Hands the picture that forms to the linked scatters, which lie in a shadow tree of their own.
export default function ({ data }) {
  dispatchEvent(new CustomEvent("acl-forming", { detail: data }));
}
