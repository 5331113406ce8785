"""Context variables: set within a task, of a module, and read after an await.

Prints:
    inside ada
    nobody
    ['a', 'b']
    True
"""

import asyncio
import contextvars
import decimal

import flamepy

user = contextvars.ContextVar("user", default="nobody")


def set_inside(name):
    inner = contextvars.ContextVar("inner")
    inner.set(name)
    return f"inside {inner.get()}"


def current_user():
    return user.get()


def with_decimals():
    with decimal.localcontext(prec=3):
        return decimal.Decimal(1) / decimal.Decimal(3) == decimal.Decimal("0.333")


async def each(names):
    inner = contextvars.ContextVar("inner")

    async def one(name):
        inner.set(name)
        await asyncio.sleep(0)
        return inner.get()

    return await asyncio.gather(*map(one, names))


user.set("ada")
with flamepy.Executor() as executor:
    print(executor.submit(set_inside, "ada").result())
    print(executor.submit(current_user).result())
    print(executor.submit(each, "ab").result())
    print(executor.submit(with_decimals).result())
