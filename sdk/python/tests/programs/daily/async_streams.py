"""Asynchronous generators, queues, locks and streams within a task, and a pipeline over results in a loop.

Prints:
    [0, 1, 4, 9]
    ['a1', 'b1', 'a2', 'b2']
    (6, ['hello', 'world'])
    ['step 1 of 7', 'step 2 of 7']
    {'sum': 30, 'max': 16}
    cleaned up: ['closed']
    TypeError: send a list of what it yields, as [x async for x in ...]
    first of many 0 then [1, 2]
    [[0, 1], [2, 3], [4]]
"""

import asyncio
import contextlib

import flamepy


async def squares(n):
    for each in range(n):
        await asyncio.sleep(0)
        yield each * each


async def listed(n):
    return [each async for each in squares(n)]


async def turns():
    log, turn = [], asyncio.Condition()

    async def say(name, other):
        for n in (1, 2):
            async with turn:
                await turn.wait_for(lambda: not log or log[-1][0] == other)
                log.append(f"{name}{n}")
                turn.notify_all()

    async with asyncio.TaskGroup() as group:
        group.create_task(say("a", "b"))
        await asyncio.sleep(0)
        group.create_task(say("b", "a"))
    return log


async def piped():
    words, done = asyncio.Queue(), []

    async def consume():
        while (word := await words.get()) is not None:
            done.append(word)

    consumer = asyncio.create_task(consume())
    for word in ("hello", "world", None):
        await words.put(word)
    await consumer
    return sum(map(len, done)) - 4, done


async def subprocess_lines(n):
    process = await asyncio.create_subprocess_shell(
        f"for i in 1 2; do echo step $i of {n}; done", stdout=asyncio.subprocess.PIPE
    )
    lines = [line.decode().strip() async for line in process.stdout]
    await process.wait()
    return lines


def cleaned_up():
    log = []

    async def guarded():
        try:
            yield 1
        finally:
            log.append("closed")

    async def first():
        async with contextlib.aclosing(guarded()) as results:
            async for _ in results:
                break

    asyncio.run(first())
    return log


def generator_itself(n):
    return squares(n)


async def main():
    async with flamepy.Executor() as executor:
        print(await executor.submit(listed, 4))
        print(await executor.submit(turns))
        print(await executor.submit(piped))
        print(await executor.submit(subprocess_lines, 7))
        found = {"sum": 0, "max": 0}
        async for value in executor.map(pow, range(5), [2] * 5):
            found["sum"] += value
            found["max"] = max(found["max"], value)
        print(found)
        print("cleaned up:", await executor.submit(cleaned_up))
        try:
            await executor.submit(generator_itself, 2)
        except TypeError as error:
            print("TypeError:", error.args[0].partition("made: ")[2].removesuffix(")"))
    async with flamepy.create_session("flmrun", abs) as session:
        results = session.map(range(10_000), chunksize=10)
        async for value in results:
            break
        print("first of many", value, "then", [await anext(results) for _ in range(2)])
        print([chunk async for chunk in in_pairs(session.map(range(5)))])


async def in_pairs(results):
    pair = []
    async for each in results:
        pair.append(each)
        if len(pair) == 2:
            yield pair
            pair = []
    if pair:
        yield pair


asyncio.run(main())
