"""Runs checks that mostly wait beside each other."""
import threading


def in_parallel(case, checks):
    """`checks`: {name: function}. Every failure is reported under its name."""
    failures = {}

    def run(name, check):
        try:
            check()
        except BaseException as failure:  # shown below, in the test's own thread
            failures[name] = failure

    threads = [threading.Thread(target=run, args=item) for item in checks.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in checks:
        with case.subTest(name):
            if name in failures:
                raise failures[name]
