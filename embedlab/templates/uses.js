// The table of uses beside the panes: a hover there lights the point, a point lights its row, a button selects a use.
// What is said between them are events of the window: embedlab-hover with {id, from}, id null when nothing is hovered.
const bound = new WeakMap();

function row(id) {
  return id === null ? null : document.querySelector(`tr[data-use="${Number(id)}"]`);
}

function light(id, follow) {
  for (const old of document.querySelectorAll("tr[data-use].at")) old.classList.remove("at");
  const here = row(id);
  if (!here) return;
  here.classList.add("at");
  const box = here.closest(".el-scroll");
  if (follow && box) {
    const up = here.offsetTop - box.clientHeight / 2;
    if (here.offsetTop < box.scrollTop || here.offsetTop + here.offsetHeight > box.scrollTop + box.clientHeight) {
      box.scrollTop = Math.max(0, up);
    }
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const held = bound.get(parentElement) ?? {};
  bound.set(parentElement, held);
  held.pick = (id) => setTriggerValue("picked", { id, at: Date.now() });
  if (held.stop) return held.stop;
  let last = null;
  const id = (event) => {
    const here = event.target instanceof Element ? event.target.closest("tr[data-use]") : null;
    return here ? Number(here.dataset.use) : null;
  };
  const over = (event) => {
    const now = id(event);
    if (now === last) return;
    last = now;
    light(now, false);
    window.dispatchEvent(new CustomEvent("embedlab-hover", { detail: { id: now, from: "table" } }));
  };
  const heard = (event) => {
    if (event.detail?.from !== "table") light(event.detail?.id ?? null, true);
  };
  const click = (event) => {
    if (event.target instanceof Element && event.target.closest("button.el-pick")) {
      const picked = id(event);
      if (picked !== null) held.pick(picked);
    }
  };
  document.addEventListener("pointerover", over);
  document.addEventListener("focusin", over);
  document.addEventListener("click", click);
  window.addEventListener("embedlab-hover", heard);
  held.stop = () => {
    document.removeEventListener("pointerover", over);
    document.removeEventListener("focusin", over);
    document.removeEventListener("click", click);
    window.removeEventListener("embedlab-hover", heard);
    bound.delete(parentElement);
  };
  return held.stop;
}
