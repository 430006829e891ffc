"""The product without a screen and without a database.

Modules here are the ground that everything stands on: types, protocols, errors, settings, plug-ins, prompts, the event
loop, liveness. Rooms named by what is done in them stand in this order, and import downward only: reading, domains,
dialogue, planning, judging, rolling, reviewing, running, importing, exporting, serving. Rooms named by plural nouns
hold plug-ins, one file each. Read rolling/rollout.py first of all.
"""
