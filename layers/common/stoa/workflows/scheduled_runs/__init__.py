"""Scheduled prompts when their time has come: planned by the minute tick, run and delivered by workers.

1. `tick`     each minute: a run for each due schedule, whose next time moves on in the same transaction; what was left
              lying (a lost message, a dead worker, a delivery to be repeated) is sent to the workers again;
2. `run`      a worker takes a run up under a lease, has it answered by the chat, and ends it: output, counters, mail
              and the delivery to come are one transaction;
3. `deliver`  webhook or file, until it is taken or given up.
"""

from stoa.workflows.scheduled_runs.deliver import deliver
from stoa.workflows.scheduled_runs.run import run
from stoa.workflows.scheduled_runs.tick import TickReport, tick
from stoa.workflows.scheduled_runs.values import Worker

__all__ = ["TickReport", "Worker", "deliver", "run", "tick"]
