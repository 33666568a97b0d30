"""What every test has: one thread a process, no network for models, and searches that give the same result twice.

HYPOTHESIS_PROFILE=thorough searches longer and elsewhere.
"""

import os

# before numpy, torch and tokenizers are imported: several test processes share two cores
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["STREAMLIT_BROWSER_GATHER_USAGE_STATS"] = "false"

from hypothesis import HealthCheck, settings

CALM = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
settings.register_profile("default", deadline=None, derandomize=True, max_examples=50, suppress_health_check=CALM)
settings.register_profile("thorough", deadline=None, max_examples=2_000, suppress_health_check=CALM)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
