"""A worker process: ``python -m ml_experiment.executors.local_worker READ WRITE DRIVER``.

It is told by its driver over a pipe what to do, and answers over another one. Its host
imports the user's script and executes the trials; here is only the process around it.
"""

from __future__ import annotations

import atexit
import faulthandler
import importlib
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

from ml_experiment.errors import MlExperimentError
from ml_experiment.executors.channel import BlockingChannel
from ml_experiment.executors.orphans import end_with_driver
from ml_experiment.worker import user_traceback


if TYPE_CHECKING:
    from ml_experiment.executors.base import TrialHost, WorkerHello
    from ml_experiment.search.messages import TrialTask


def main(reading: int, writing: int, driver: int) -> None:
    """Serve until the driver says stop, or is gone."""
    end_with_driver(driver)
    for descriptor in (reading, writing):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the function's own form
    # Says where a trial was when it was stopped, also from inside native code.
    faulthandler.register(signal.SIGTERM, all_threads=False, chain=True)
    channel = BlockingChannel(reading, writing)
    # What the user's code forks must neither speak for us nor keep our pipes open.
    os.register_at_fork(after_in_child=channel.close)
    os.register_at_fork(after_in_child=_stay_silent)
    owner = os.getpid()
    try:
        _serve(channel)
    except (EOFError, ConnectionError):
        pass  # the driver is gone: nobody is left to tell
    finally:
        if os.getpid() != owner:
            os._exit(0)  # a fork of the user's that came back to us
    _leave()


def _stay_silent() -> None:
    faulthandler.unregister(signal.SIGTERM)


def _serve(channel: BlockingChannel) -> None:
    host = _prepared_host(channel)
    if host is None:
        return
    channel.send(("ready", None))
    owner = os.getpid()
    while True:
        kind, content = channel.receive()
        if kind == "stop":
            return
        task: TrialTask = content
        result = host.execute(task)
        if os.getpid() != owner:
            return
        channel.send(("result", result))


def _prepared_host(channel: BlockingChannel) -> TrialHost | None:
    """Return the host, ready for trials; ``None`` after having said why there is none."""
    _, hello = channel.receive()
    try:
        host = _make_host(hello)
        _, setup = channel.receive()
        host.prepare(setup)
    except (EOFError, ConnectionError):
        raise
    except BaseException as error:  # noqa: BLE001 - the driver is told, whatever it is
        _flush()
        channel.send(("failed", _explained(hello, error)))
        return None
    return host


def _make_host(hello: WorkerHello) -> TrialHost:
    module, _, name = hello.host.partition(":")
    factory: Any = getattr(importlib.import_module(module), name)
    host: TrialHost = factory(hello)
    return host


def _explained(hello: WorkerHello, error: BaseException) -> str:
    if isinstance(error, MlExperimentError):
        return str(error)
    if isinstance(error, SystemExit):
        text = f"it called sys.exit({error.code!r})"
    elif isinstance(error, SyntaxError):
        text = "".join(traceback.format_exception_only(error)).strip()
    else:
        text = user_traceback(error).strip()
    return f"{hello.script}: a worker could not import it\n{text}"


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue


def _leave() -> None:
    """End now: threads and processes that the user's code has left are not waited for.

    What is registered with ``atexit`` is run as far as it comes; the driver kills a
    worker that takes too long.
    """
    others = [each for each in threading.enumerate() if not each.daemon]
    if len(others) <= 1:
        return  # nobody to wait for: the interpreter ends as it always does
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no public way
    _flush()
    os._exit(0)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
