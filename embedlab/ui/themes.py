"""The page runs again where the theme of the person turns while it is open: charts are drawn here, in its colours."""

import streamlit as st

from embedlab.ui import state

SCRIPT = """
let stop = () => {};

export default function ({ data, setTriggerValue }) {
  stop();
  document.documentElement.dataset.drawn = data.theme; // what the charts are drawn for
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const turned = () => setTimeout(() => setTriggerValue("turned", Date.now()), 100); // once Streamlit wears it
  dark.addEventListener("change", turned);
  stop = () => dark.removeEventListener("change", turned);
  return stop;
}
"""
_watch = st.components.v2.component("embedlab_theme", js=SCRIPT, isolate_styles=False)


def follow() -> None:
    """Nothing to be seen, at the foot of the sidebar."""
    _watch(key="theme-turned", data={"theme": state.theme()}, height="content", on_turned_change=lambda: None)
