"""The pane as a Streamlit component: two linked maps that the browser draws itself, and what is selected in them.

Two components make it: one carries the points, once in a visit and again when the browser says that it lacks them; the
other what changes with every run of the page: the selection, the theme, the label.
"""

import hashlib
from collections.abc import Callable, Collection
from functools import partial
from importlib import resources
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import streamlit as st
from jaxtyping import Int64

from embedlab.figures.pane import Pane, pack_text, payload, unpack_text
from embedlab.measure.rows import places_among
from embedlab.ui import state

DIGEST = 16  # bytes before the payload by which the browser knows what it has
HELD = 8  # payloads that the browser keeps
Rows = Int64[np.ndarray, "m"]

# The bytes wait in the window under their digest until the pane that shows them asks
CARRIER = """
export default function ({ data }) {
  if (!data) return;
  const hex = (bytes) => Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
  const digest = hex(data.subarray(0, 16));
  const held = (window.embedlabPanes ??= new Map());
  if (!held.has(digest)) held.set(digest, data.slice(16));
  for (const old of [...held.keys()].slice(0, -HELD)) held.delete(old);
  window.dispatchEvent(new CustomEvent("embedlab-pane", { detail: digest }));
}
""".replace("HELD", str(HELD))
# Points that are on their way are waited for; those that neither are here nor come are asked for, once a digest
MOUNT = """
const mounted = new WeakMap();
export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".elp-root");
  if (!data || !root) return;
  let here = mounted.get(root);
  if (!here) mounted.set(root, (here = { sent: 0 }));
  here.data = data;
  here.tell = (packed) => {
    here.sent = Date.now();
    setTriggerValue("picked", { at: here.sent, digest: here.digest, packed });
  };
  const draw = () => {
    const bytes = window.embedlabPanes?.get(here.data.digest);
    const options = { ...here.data, onPick: (packed) => here.tell(packed) };
    if (here.digest !== here.data.digest) {
      clearTimeout(here.asking);
      if (!bytes) {
        const wanted = here.data.digest;
        here.asking = setTimeout(() => setTriggerValue("missing", wanted), here.data.carried ? 60000 : 400);
        return;
      }
      options.view = here.pane?.view();
      here.pane?.destroy();
      here.digest = here.data.digest;
      here.pane = embedlabPane(root, bytes, options);
    } else here.pane.update(options);
    if (here.data.picked !== null && here.data.at >= here.sent) here.pane.selectPacked(here.data.picked);
  };
  if (!here.listening) {
    here.listening = () => { if (here.digest !== here.data.digest) draw(); };
    window.addEventListener("embedlab-pane", here.listening);
  }
  draw();
  return () => {
    clearTimeout(here.asking);
    window.removeEventListener("embedlab-pane", here.listening);
    here.pane?.destroy();
    mounted.delete(root);
  };
}
"""


def _file(name: str) -> str:
    return resources.files("embedlab").joinpath("templates", name).read_text(encoding="utf-8")


_carry = st.components.v2.component("embedlab_pane_points", js=CARRIER)
_mount = st.components.v2.component(
    "embedlab_pane", html='<div class="elp-root"></div>', css=_file("pane.css"), js=_file("pane.js") + MOUNT
)


def show(
    pane: Pane,
    *,
    key: str,
    selected: Collection[int] | Rows,
    height: int = 520,
    label: str,
    on_select: Callable[[Rows], None] | None = None,
) -> None:
    """Draw the two linked panes, `height` pixels high in all. `selected` are ids; `label` names the map to all.

    In the browser its element .elp says what it does: data-visible (ms until drawn), data-drawn-by, data-selected,
    data-hover and data-at (ids). A lasso or a click gives the ids, increasing, to `on_select`, or without one puts them
    into st.session_state[key + "-selected"] as a tuple (() when cleared), and runs the page once. Hovering, zooming and
    the slider stay in the browser. Give the same pane again in the next run, and its bytes are not made again.
    """
    raw, digest = _packed(pane)
    sent = st.session_state.setdefault(SENT, [])
    carried = digest not in sent
    echo = st.session_state.pop(f"{key}-echo", False)  # the browser has just said it: it need not hear it
    with st.container(gap=None, key=f"{key}-box"):
        _mount(
            key=f"{key}-pane",
            data={
                "digest": digest,
                "label": label,
                "height": height,
                "theme": state.theme(),
                "picked": None if echo else pack_text(_positions(pane.ids, selected), len(pane)),
                "at": st.session_state.get(f"{key}-at", 0),
                "carried": carried,
            },
            height=height,
            on_picked_change=partial(_picked, key, digest, pane.ids, on_select),
            on_missing_change=partial(_missing, key),
        )
        if carried:
            _carry(key=f"{key}-points", data=bytes.fromhex(digest) + raw, height="content")
    if carried:
        st.session_state[SENT] = [*sent, digest][-HELD:]


SENT = "_pane-sent"  # in the session: digests of the points that its browser has been sent
_payloads: WeakKeyDictionary[Pane, tuple[bytes, str]] = WeakKeyDictionary()


def _packed(pane: Pane) -> tuple[bytes, str]:
    """(the bytes of a pane, their digest), made once while the pane lives."""
    found = _payloads.get(pane)
    if found is None:
        raw = payload(pane)
        found = _payloads[pane] = (raw, hashlib.blake2b(raw, digest_size=DIGEST).hexdigest())
    return found


def _positions(ids: Int64[np.ndarray, "n"], selected: Collection[int] | Rows) -> Int64[np.ndarray, "m"]:
    """Where the selected ids lie; those that are not here are left out."""
    wanted = (
        selected if isinstance(selected, np.ndarray) else np.fromiter(selected, dtype=np.int64, count=len(selected))
    )
    return places_among(ids, wanted)


def _missing(key: str) -> None:
    """The browser has the points no more, or never got them: they are sent once more."""
    component: Any = st.session_state[f"{key}-pane"]
    st.session_state[SENT] = [digest for digest in st.session_state.get(SENT, ()) if digest != component["missing"]]


def _picked(key: str, digest: str, ids: Int64[np.ndarray, "n"], on_select: Callable[[Rows], None] | None) -> None:
    """Take a selection out of the browser's trigger; one made in points that are shown no more is dropped."""
    component: Any = st.session_state[f"{key}-pane"]
    said = component["picked"]
    st.session_state[f"{key}-at"] = int(said["at"])
    if said["digest"] != digest:
        return
    rows = ids[unpack_text(str(said["packed"]), len(ids))]
    st.session_state[f"{key}-echo"] = True
    if on_select is None:
        st.session_state[f"{key}-selected"] = tuple(rows.tolist())
    else:
        on_select(rows)
