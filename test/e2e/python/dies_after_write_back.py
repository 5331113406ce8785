"""A service like flmrun's, which ends once between keeping the state and answering."""

import os

import flamepy
from flamepy.runpy import FlameRunpyService


class DiesAfterWriteBack(FlameRunpyService):
    def _write_back(self, context, output):
        answer = super()._write_back(context, output)
        marker = os.environ["TEST_MARKER"]
        if not os.path.exists(marker):
            open(marker, "w").close()
            os._exit(9)
        return answer


flamepy.run(DiesAfterWriteBack())
