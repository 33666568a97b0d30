"""The pane as a Streamlit component: two linked maps that the browser draws itself, and what is selected in them.

Two components make it: one carries the points (its bytes stay the same while the content does, so that they are sent
once), the other what changes with every run of the page: the selection, the theme, the label.
"""

import base64
import hashlib
from collections.abc import Callable, Collection
from functools import partial
from importlib import resources
from typing import Any

import numpy as np
import streamlit as st
from jaxtyping import Int64

from embedlab.figures.pane import Pane, pack, payload, unpack
from embedlab.ui import state

DIGEST = 16  # bytes before the payload by which the browser knows what it has

# The bytes wait in the window under their digest until the pane that shows them asks
CARRIER = """
export default function ({ data }) {
  if (!data) return;
  const hex = (bytes) => Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
  const digest = hex(data.subarray(0, 16));
  const held = (window.embedlabPanes ??= new Map());
  if (!held.has(digest)) held.set(digest, data.slice(16));
  for (const old of [...held.keys()].slice(0, -8)) held.delete(old);
  window.dispatchEvent(new CustomEvent("embedlab-pane", { detail: digest }));
}
"""
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
      if (!bytes) return;
      options.view = here.pane?.view();
      here.pane?.destroy();
      here.digest = here.data.digest;
      here.pane = embedlabPane(root, bytes, options);
    } else here.pane.update(options);
    if (here.data.at >= here.sent) here.pane.selectPacked(here.data.picked);
  };
  if (!here.listening) {
    here.listening = () => { if (here.digest !== here.data.digest) draw(); };
    window.addEventListener("embedlab-pane", here.listening);
  }
  draw();
  return () => {
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
    selected: Collection[int],
    height: int = 520,
    label: str,
    on_select: Callable[[], None] | None = None,
) -> None:
    """Draw the two linked panes, `height` pixels high in all. `selected` are ids; `label` names the map to all.

    In the browser its element .elp says what it does: data-visible (ms until drawn), data-drawn-by, data-selected,
    data-hover and data-at (ids). A lasso or a click puts the ids into st.session_state[key + "-selected"] (() when
    cleared), calls `on_select` and runs the page once. Hovering, zooming and the slider stay in the browser.
    """
    raw = payload(pane)
    digest = hashlib.blake2b(raw, digest_size=DIGEST).digest()
    with st.container(gap=None, key=f"{key}-box"):
        _mount(
            key=f"{key}-pane",
            data={
                "digest": digest.hex(),
                "label": label,
                "height": height,
                "theme": state.theme(),
                "picked": base64.b64encode(pack(_positions(pane.ids, selected))).decode(),
                "at": st.session_state.get(f"{key}-at", 0),
            },
            height=height,
            on_picked_change=partial(_picked, key, digest.hex(), pane.ids, on_select),
        )
        _carry(key=f"{key}-points", data=digest + raw, height="content")


def _positions(ids: Int64[np.ndarray, "n"], selected: Collection[int]) -> Int64[np.ndarray, "m"]:
    """Where the selected ids lie; those that are not here are left out."""
    wanted = np.unique(np.fromiter(selected, dtype=np.int64, count=len(selected)))
    places = np.searchsorted(ids, wanted)
    here = places < len(ids)
    here[here] = ids[places[here]] == wanted[here]
    return places[here]


def _picked(key: str, digest: str, ids: Int64[np.ndarray, "n"], on_select: Callable[[], None] | None) -> None:
    """Take a selection out of the browser's trigger; one made in points that are shown no more is dropped."""
    component: Any = st.session_state[f"{key}-pane"]
    said = component["picked"]
    st.session_state[f"{key}-at"] = int(said["at"])
    if said["digest"] != digest:
        return
    positions = unpack(base64.b64decode(said["packed"]), len(ids))
    st.session_state[f"{key}-selected"] = tuple(ids[positions].tolist())
    if on_select is not None:
        on_select()
