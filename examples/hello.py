"""Calls a function that is only in the package of the application `greeting`."""

import flamepy
from flamepy import RunnerContext, RunnerRequest


def hello(name: str) -> str:
    import greeting  # The client does not have this package; the service does.

    return greeting.hello(name)


with flamepy.create_session("greeting", RunnerContext(execution_object=hello)) as ssn:
    print(ssn.invoke(RunnerRequest(args=("Ada",)), timeout=60).get())
