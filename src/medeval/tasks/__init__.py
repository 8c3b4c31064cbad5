"""The benchmarks as lm-eval tasks, usable from the stock `lm_eval` command line.

The task files name functions of this package, so reading one makes the engine known to lm-eval as
the model `medeval`.
"""

import lm_eval.models  # noqa: F401 - lm-eval registers its own models only while its registry is empty
from lm_eval.api.registry import model_registry

if "medeval" not in model_registry.keys():  # noqa: SIM118 - the registry is no mapping
    model_registry.register("medeval", target="medeval.responses.engines.lm_eval_model:MedevalLM")
