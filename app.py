"""The launcher: `streamlit run app.py`.

st.navigation must not live in this file: beside a folder named pages/, a fresh server would give the first visitor
Streamlit's own page discovery instead. So app.py only names the script that holds the navigation.
"""

import sys
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

ROOT = Path(__file__).resolve().parent
if str(ROOT) not in sys.path:  # `streamlit run` from anywhere, without installing the package
    sys.path.insert(0, str(ROOT))

if get_script_run_ctx(suppress_warning=True) is None:
    from embedlab.ui.errors import last_resort
    from embedlab.ui.ready import ready

    app = st.App(ROOT / "embedlab" / "ui" / "main.py", lifespan=ready, on_script_error=last_resort)
else:  # run as a script: AppTest.from_file("app.py")
    from embedlab.ui.main import main

    main()
