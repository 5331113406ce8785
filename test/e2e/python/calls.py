"""Calls of every kind on flmrun; prints what came back."""

import functools
import json
from concurrent.futures import as_completed

import flamepy
from flamepy import RunnerContext, RunnerRequest, RunnerServiceKind


def sum(a=0, b=0):
    return a + b


class Greeter:
    def __init__(self, greeting="hello"):
        self.greeting = greeting

    def __call__(self, name="you"):
        return f"{self.greeting} {name}"

    def shout(self, name):
        return self(name).upper()


def results(thing, *requests):
    with flamepy.create_session("flmrun", RunnerContext(thing, RunnerServiceKind.Stateless)) as ssn:
        return [ssn.invoke(request).get() for request in requests]


word = "closed over"
found = {
    "no input, args, kwargs": results(
        sum, RunnerRequest(), RunnerRequest(args=(1, 2)), RunnerRequest(kwargs={"a": 3, "b": 4})
    ),
    "lambda": results(lambda n: [n, word], RunnerRequest(args=(1,))),
    "builtin": results(len, RunnerRequest(args=("abc",))),
    "partial": results(functools.partial(sum, 40), RunnerRequest(args=(2,))),
    "object": results(Greeter("hi"), RunnerRequest(), RunnerRequest("shout", args=("flame",))),
    "class": results(Greeter, RunnerRequest(args=("good day",)))[0]("all"),
    "nothing": results(lambda: None, RunnerRequest()),
}

with flamepy.create_session("flmrun", RunnerContext(sum)) as ssn:
    futures = [ssn.run(RunnerRequest(args=(n, n))) for n in range(50)]
    found["futures"] = sorted(future.result().get() for future in as_completed(futures, 60))
    first = ssn.invoke(RunnerRequest(args=(1, 2)))
    found["a result as an argument"] = ssn.invoke(RunnerRequest(args=(first, 10))).get()
    ref = flamepy.put_object(ssn.object_prefix, 5)
    found["an object as an argument"] = ssn.invoke(RunnerRequest(kwargs={"a": ref})).get()
    found["by get_object"] = flamepy.get_object(first)

print(json.dumps(found))
