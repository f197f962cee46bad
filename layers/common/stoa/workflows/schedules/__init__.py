"""Scheduled prompts, made and kept by their owners, planned by the minute tick, run and delivered by workers.

1. `tick`     each minute: a run for each due schedule, whose next time moves on in the same transaction; what was left
              lying (a lost message, a dead worker, a delivery to be repeated) is sent to the workers again;
2. `run`      a worker takes a run up under a lease, has it answered by the chat, and ends it: output, counters, mail
              and the delivery to come are one transaction;
3. `deliver`  webhook or file, until it is taken or given up.
"""
