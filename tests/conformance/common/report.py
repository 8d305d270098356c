"""One line a check, a closing line with the totals, and the exit status that belongs to it."""

import time
import traceback


# So many failures in a row mean that nothing works; each of the rest might take a minute to say so.
GIVE_UP_AFTER = 12


class GaveUp(RuntimeError):
    """Too many checks in a row have failed."""


class Report:
    """Counts checks. `passed` and `failed` print at once, so that a hanging run shows where it stands."""

    def __init__(self):
        self.passed_count = 0
        self.failed_count = 0
        self._failed_in_a_row = 0

    def passed(self, name, detail=""):
        self.passed_count += 1
        self._failed_in_a_row = 0
        print("ok    %s%s" % (name, " (%s)" % detail if detail else ""), flush=True)

    def failed(self, name, why):
        self.failed_count += 1
        self._failed_in_a_row += 1
        print("FAIL  %s: %s" % (name, why), flush=True)

    async def run(self, name, coroutine_function, *arguments):
        """Awaits one check; an assertion or any other error makes it a failure with its place. May raise GaveUp."""
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            raise GaveUp("%d checks in a row failed" % self._failed_in_a_row)
        started = time.monotonic()
        try:
            await coroutine_function(*arguments)
        except Exception as error:  # a check may fail in any way; the run goes on and says how
            frame = traceback.extract_tb(error.__traceback__)[-1]
            text = str(error) or error.__class__.__name__
            self.failed(name, "%s: %s [%s:%d]" % (
                error.__class__.__name__, text[:600], frame.filename.rsplit("/", 1)[-1], frame.lineno))
        else:
            self.passed(name, "%.2f s" % (time.monotonic() - started))

    def close(self):
        """Prints the totals; returns 0 when at least one check ran and none failed, else 1."""
        print("%d passed, %d failed" % (self.passed_count, self.failed_count), flush=True)
        return 0 if self.passed_count and not self.failed_count else 1
