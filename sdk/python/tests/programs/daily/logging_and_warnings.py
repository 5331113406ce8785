"""Logging and warnings within tasks: loggers travel by name, and settings of the client do not.

Prints:
    ['mine INFO priced tea', 'mine WARNING none left']
    WARNING
    ['DeprecationWarning: old']
    OldWarning: too old
    [INFO] mine.sub: in the task
    True
"""

import io
import logging
import logging.config
import warnings

import flamepy

log = logging.getLogger("mine")
logging.basicConfig(level=logging.DEBUG)


class OldWarning(UserWarning):
    pass


class Keeps(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(f"{record.name} {record.levelname} {record.getMessage()}")


def priced(item):
    handler = Keeps()
    log.addHandler(handler)
    log.setLevel("INFO")
    log.info("priced %s", item)
    log.debug("not kept")
    log.warning("none left")
    log.removeHandler(handler)
    return handler.lines


def level_of(name):
    return logging.getLevelName(logging.getLogger(name).level or logging.WARNING)


def caught():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    return [f"{each.category.__name__}: {each.message}" for each in found]


def strict():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.warn("too old", OldWarning, stacklevel=1)


def configured():
    stream = io.StringIO()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"plain": {"format": "[%(levelname)s] %(name)s: %(message)s"}},
            "handlers": {
                "mine": {
                    "class": "logging.StreamHandler",
                    "stream": stream,
                    "formatter": "plain",
                }
            },
            "loggers": {"mine.sub": {"handlers": ["mine"], "level": "INFO", "propagate": False}},
        }
    )
    logging.getLogger("mine.sub").info("in the task")
    return stream.getvalue().strip()


logging.getLogger("flamepy").setLevel(logging.WARNING)
with flamepy.Executor() as executor:
    print(executor.submit(priced, "tea").result())
    print(executor.submit(level_of, "other").result())
    print(executor.submit(caught).result())
    try:
        executor.submit(strict).result()
    except OldWarning as error:
        print("OldWarning:", error.args[0])
    print(executor.submit(configured).result())
    print(executor.submit(lambda logger: logger.name == "mine", log).result())
