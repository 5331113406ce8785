"""Coroutine functions as tasks, executors in an event loop, and results as they come.

Prints:
    [2, 3]
    30
    [0, 1, 4, 9]
    [0, 2, 4]
    ['a', 'b', 'c']
    ('timeout', 7)
    TimeoutError
    [2, 'bad 3']
    ExceptionGroup ['bad 5']
"""

import asyncio

import flamepy


async def fetched(n):
    await asyncio.sleep(0.01)
    return n + 1


async def gathered(n):
    return await asyncio.gather(*(fetched(i) for i in range(n)))


def square(n):
    return n * n


def odd_is_bad(n):
    if n % 2:
        raise ValueError(f"bad {n}")
    return n


async def with_timeout(seconds):
    try:
        async with asyncio.timeout(seconds):
            await asyncio.sleep(60)
    except TimeoutError:
        return "timeout", 7


class Client:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *reason):
        pass

    async def letters(self):
        for letter in "abc":
            yield letter


async def of_generator():
    async with Client() as client:
        return [letter async for letter in client.letters()]


async def main():
    loop = asyncio.get_running_loop()
    async with flamepy.Executor() as executor:
        print(await asyncio.gather(executor.submit(fetched, 1), executor.submit(fetched, 2)))
        print(sum(await executor.submit(gathered, 7)) + 2)
        calls = [loop.run_in_executor(executor, square, n) for n in range(4)]
        print(await asyncio.gather(*calls))
        async with flamepy.create_session("flmrun", lambda n: 2 * n) as session:
            print([value async for value in session.map(range(3))])
        print(await executor.submit(of_generator))
        print(await executor.submit(with_timeout, 0.01))
        try:
            await asyncio.wait_for(executor.submit(asyncio.sleep, 1), 0.05)
        except TimeoutError as error:
            print(type(error).__name__)
        both = await asyncio.gather(
            called(executor, 2), called(executor, 3), return_exceptions=True
        )
        print([each if isinstance(each, int) else each.args[0] for each in both])
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(called(executor, 4))
                group.create_task(called(executor, 5))
        except* ValueError as errors:
            print(type(errors).__name__, [error.args[0] for error in errors.exceptions])


async def called(executor, n):
    return await executor.submit(odd_is_bad, n)


asyncio.run(main())
