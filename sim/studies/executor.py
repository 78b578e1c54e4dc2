"""interim"""

from contextlib import contextmanager


class Serial:
    workers = 1

    def run(self, work, tasks):
        for n, t in tasks.items():
            yield n, work(t)


@contextmanager
def executor_of(*, workers=None, cluster=None, given=None):
    yield Serial()


Executor = Serial
