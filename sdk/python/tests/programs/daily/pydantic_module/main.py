"""Models of pydantic in a module beside the script, with settings and a validator of their own.

Prints:
    Point(x=2, y=4) True
    Tree(name='a', children=[Tree(name='b', children=[])])
    Point(x=1, y=1)
    ValidationError 1
"""

from models import Point, Tree, moved

import flamepy

with flamepy.create_session("flmrun", moved) as session:
    point = session(Point(x=1, y=2))
    print(repr(point), type(point) is Point)
with flamepy.Executor() as executor:
    print(repr(executor.submit(Tree.of, "a", "b").result()))
    print(repr(executor.submit(Point.model_validate, {"x": 1, "y": 1}).result()))
    error = executor.submit(Point, x="left", y=0).exception().__cause__
    print(type(error).__name__, error.error_count())
