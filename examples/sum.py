import flamepy
from flamepy import RunnerContext, RunnerRequest, RunnerServiceKind


def sum(a: int, b: int) -> int:
    return a + b


ctx = RunnerContext(
    execution_object=sum,
    kind=RunnerServiceKind.Stateless,
)
ssn = flamepy.create_session("flmrun", ctx)

req = RunnerRequest(method=None, args=(1, 2))
result = ssn.invoke(req)
print(result.get())

ssn.close()
