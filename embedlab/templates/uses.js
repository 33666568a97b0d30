// The table of uses beside the panes: a point under the pointer lights its row, a row under it lights its point (told as
// an event of the window, embedlab-hover with the id or null), and a button in a row selects its use.
const bound = new WeakMap();

function light(id) {
  for (const old of document.querySelectorAll("tr[data-use].at")) old.classList.remove("at");
  const here = id === null ? null : document.querySelector(`tr[data-use="${id}"]`);
  here?.classList.add("at");
  return here;
}

function show(here) {
  const box = here?.closest(".el-scroll");
  if (!box) return;
  const above = here.offsetTop < box.scrollTop + 24, below = here.offsetTop + here.offsetHeight > box.scrollTop + box.clientHeight;
  if (above || below) box.scrollTop = Math.max(0, here.offsetTop - box.clientHeight / 2);
}

// The pane lives in a shadow root of its own and says in data-hover which id is under the pointer
function paneOf(box) {
  for (const one of document.querySelectorAll(`.st-key-${CSS.escape(box)} *`)) {
    const pane = one.shadowRoot?.querySelector(".elp");
    if (pane) return pane;
  }
  return null;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const held = bound.get(parentElement) ?? {};
  bound.set(parentElement, held);
  held.pick = (id) => setTriggerValue("picked", { id, at: Date.now() });
  held.box = data.box.replace(/[^a-zA-Z0-9_-]/g, "-"); // as Streamlit makes a class of a key
  if (held.stop) return held.stop;
  let last = null, watched = null;
  const numbered = (event) => {
    const here = event.target instanceof Element ? event.target.closest("tr[data-use]") : null;
    return here ? Number(here.dataset.use) : null;
  };
  const over = (event) => {
    const now = numbered(event);
    if (now === last) return;
    last = now;
    light(now);
    window.dispatchEvent(new CustomEvent("embedlab-hover", { detail: now }));
  };
  const click = (event) => {
    if (event.target instanceof Element && event.target.closest("button.el-pick")) held.pick(numbered(event));
  };
  const hovered = new MutationObserver(() => {
    const id = watched.dataset.hover;
    if (last === null) show(light(id === "" ? null : Number(id)));
  });
  const watch = setInterval(() => {
    const pane = paneOf(held.box);
    if (pane === watched) return;
    hovered.disconnect();
    watched = pane;
    if (pane) hovered.observe(pane, { attributes: true, attributeFilter: ["data-hover"] });
  }, 500);
  document.addEventListener("pointerover", over);
  document.addEventListener("focusin", over);
  document.addEventListener("click", click);
  held.stop = () => {
    clearInterval(watch);
    hovered.disconnect();
    document.removeEventListener("pointerover", over);
    document.removeEventListener("focusin", over);
    document.removeEventListener("click", click);
    bound.delete(parentElement);
  };
  return held.stop;
}
