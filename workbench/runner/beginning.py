"""A runner from its order to its end. What takes long to import is imported while its agent starts."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from workbench.contained import RUNNER_MARK
from workbench.sessions.environment import MEASURING
from workbench.sessions.folder import remove_unused
from workbench.sessions.lean import ONE_ARENA
from workbench.sessions.opening import Opening
from workbench.sessions.outliving import ended_with_us

_log = logging.getLogger(__name__)


def main(argv: Sequence[str], given: BinaryIO) -> int:
    """Run the session named in `argv`, with its folder, on the order that is `given`.

    Without an order, whoever started us has changed their mind: nothing is done, and nothing left.
    """
    # The agent inherits our environment; how we are measured and held small is not for its commands.
    for name in (*MEASURING, *ONE_ARENA):
        os.environ.pop(name, None)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with ended_with_us(mark=RUNNER_MARK), closing(Opening(given)) as opening:
        from capture.store.engine import open_engine
        from workbench.runner.session import Session
        from workbench.runner.warming import warm_up
        from workbench.sessions.record import Record
        from workbench.tunnel import reached_url

        if opening.is_waiting:
            warm_up()
        order = opening.order()
        if order is None:
            remove_unused(Path(argv[1]))
            return 0
        through_ssh = order.config.values.get("database.ssh")
        # The tunnel of whoever launched us goes with them.
        engine = open_engine(reached_url(order.config) if through_ssh and through_ssh.value else order.database_url)
        record = Record(engine, argv[0])
        try:
            return Session(order.config, record, opening).run()
        except Exception as error:  # noqa: BLE001 - a session must not stay live without its runner
            _log.exception("The runner failed")
            record.end("failed", f"the runner failed: {type(error).__name__}", to="open", reason="its runner failed")
            return 1
        finally:
            engine.dispose()
