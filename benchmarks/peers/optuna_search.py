"""Optuna's multivariate TPE as a server: proposes parameters, is told scores.

The first line of the input is {"seed": n, "baseline": {...}, "space": [{"name", "choices"} or {"name", "low", "high", "log"}]}.
From then on every line asks: the answer is one line of parameters, and the next line is its score, lower is better ("nan" for
a failure).
"""
import json
import sys
import warnings

import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore")


def suggest(trial, parameter):
    if "choices" in parameter:
        return trial.suggest_categorical(parameter["name"], parameter["choices"])
    return trial.suggest_float(parameter["name"], parameter["low"], parameter["high"], log=parameter["log"])


def main():
    setup = json.loads(sys.stdin.readline())
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True, seed=setup["seed"]))
    study.enqueue_trial(setup["baseline"])
    print(json.dumps({"version": optuna.__version__}), flush=True)
    for _ in sys.stdin:
        trial = study.ask()
        print(json.dumps({p["name"]: suggest(trial, p) for p in setup["space"]}), flush=True)
        score = float(sys.stdin.readline())
        if score != score:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            study.tell(trial, score)


if __name__ == "__main__":
    main()
