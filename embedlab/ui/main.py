"""The screen: navigation, the sidebar, the door. Run by Streamlit through app.py; one page runs inside `main`."""

import hmac
import ipaddress
import os
from pathlib import Path

import streamlit as st

from embedlab.ui import errors, frame, glossary, jobs, ready, teaching, themes

HERE = Path(__file__).resolve().parent
PAGES = {
    "Prepare": (("corpus", "Corpus"), ("models", "Models"), ("finetune", "Fine-tune"), ("runs", "Runs")),
    "Look": (
        ("compare", "Compare"),
        ("senses", "Senses"),
        ("map", "Map"),
        ("search", "Search"),
        ("anatomy", "Anatomy"),
        ("lineage", "Lineage"),
    ),
    "Take away": (("report", "Report"),),
    "Understand": (("method", "How it is measured"),),
}


def main() -> None:
    """Draw one run of the screen."""
    ready.wait()
    st.set_page_config(page_title="EmbedLab", page_icon="◐", layout="wide")
    st.html(HERE / "style.css")
    st.logo(HERE / "mark.svg", size="large")
    if not admitted():
        return
    page = st.navigation(
        {
            section: [
                # absolute paths: relative ones are looked up beside this file
                st.Page(frame.page(file), title=name, url_path=file, default=file == "compare")
                for file, name in pages
            ]
            for section, pages in PAGES.items()
        }
    )
    with st.sidebar, errors.guard():
        jobs.sidebar()
        teaching.switch()
        glossary.button()
        themes.follow()
    with errors.guard():
        teaching.panel(page.url_path or "compare")
        page.run()


def is_loopback(address: str | None) -> bool:
    """Whether only this machine can reach a server at `address`; None means every interface."""
    if address == "localhost":
        return True
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def admitted() -> bool:
    """Whether this visitor may see the workspace. On the loopback: yes. Elsewhere: with the password, or not at all."""
    if is_loopback(st.get_option("server.address")) or st.session_state.get("_admitted"):
        return True
    password = os.environ.get("EMBEDLAB_PASSWORD", "")
    if not password:
        errors.show(
            "EmbedLab listens on an address that other machines can reach and has no password: set EMBEDLAB_PASSWORD, "
            "or start it with --server.address 127.0.0.1.",
            "Closed",
        )
        return False
    with st.form("door", width=420):
        given = st.text_input("Password", type="password")
        if st.form_submit_button("Open", type="primary"):
            if hmac.compare_digest(given.encode(), password.encode()):
                st.session_state["_admitted"] = True
                st.rerun()
            errors.show("That is not the password.", "Closed")
    return False


if __name__ == "__main__":
    main()
