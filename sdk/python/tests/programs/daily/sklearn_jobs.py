"""scikit-learn's n_jobs and joblib's Parallel on the cluster.

Prints:
    {'max_depth': 4} 0.96
    True
    [0, 1, 4, 9]
    [0.0, 1.0, 2.0]
    ValueError: math domain error
    8
"""

import math

import joblib
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import flamepy.joblib

x, y = load_iris(return_X_y=True)


def widened(values):
    return values * 2


def square(n):
    return n * n


flamepy.joblib.register()
with joblib.parallel_config(backend="flame", n_jobs=2):
    forest = RandomForestClassifier(n_estimators=5, random_state=0)
    search = GridSearchCV(forest, {"max_depth": [1, 4]}, cv=3).fit(x, y)
    print(search.best_params_, round(search.best_score_, 2))
    pipeline = make_pipeline(StandardScaler(), FunctionTransformer(widened), forest)
    print(bool(cross_val_score(pipeline, x, y, cv=3).mean() > 0.9))
    print(joblib.Parallel()(joblib.delayed(square)(n) for n in range(4)))
    found = joblib.Parallel(return_as="generator")(
        joblib.delayed(math.sqrt)(n * n) for n in range(3)
    )
    print(list(found))
    try:
        joblib.Parallel()(joblib.delayed(math.sqrt)(n) for n in (1, -1))
    except ValueError as error:
        print(f"ValueError: {error.args[0]}")
with flamepy.Executor() as executor:
    print(executor.submit(forest.fit(x, y).predict, x[-8:]).result().shape[0])
