"""A notebook in a kernel of Jupyter: cells that define, call again, redefine, await and fail.

Prints:
    [1]: 9
    [2]: [0, 2, 4]
    [3]: Point(x=3, y=4)
    [4]: 100
    [5]: 30
    [6]: table
    [7]: ZeroDivisionError division by zero, in: return a / b
    [8]: [0, 1, 4]
    [9]: 15
"""

import nbformat
from nbclient import NotebookClient

CELLS = [
    """
import flamepy
session = flamepy.create_session("flmrun", lambda n: n * n)
session(3)
""",
    """
factor = 2
def scaled(n):
    return factor * n
executor = flamepy.Executor()
list(executor.map(scaled, range(3)))
""",
    """
from dataclasses import dataclass
@dataclass
class Point:
    x: int
    y: int
def swapped(point):
    return Point(point.y, point.x)
executor.submit(swapped, Point(4, 3)).result()
""",
    """
def scaled(n):
    return 10 * n
executor.submit(scaled, 10).result()
""",
    """
import asyncio
async def slow(n):
    await asyncio.sleep(0.01)
    return 10 * n
await executor.submit(slow, 3)
""",
    """
"table" if "<table" in session.tasks()._repr_html_() else "none"
""",
    """
def divided(a, b):
    return a / b
error = executor.submit(divided, 1, 0).exception()
lines = error.remote_traceback.splitlines()
print("ZeroDivisionError", f"{error.args[0]}, in: {lines[-2].strip()}", end="")
""",
    """
[value async for value in session.map(range(3))]
""",
    """
executor.shutdown(); session.close()
flamepy.Executor().submit(sum, [4, 5, 6]).result()
""",
]

notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
# A warning of some versions that the kernel talks over TCP is not what is told here.
NotebookClient(notebook, timeout=60, extra_arguments=["--log-level=ERROR"]).execute()
for cell in notebook.cells:
    for output in cell.outputs:
        text = output.get("text") or output["data"]["text/plain"]
        print(f"[{cell.execution_count}]: {text.strip("'")}")
