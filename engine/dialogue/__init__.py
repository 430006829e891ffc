"""Finds in the messages of a dialogue: questions, stated facts, values that were never given, withheld values, thanks
that end it, the request that a message serves, repeated calls, identity checks. All of it is pure.

Read requests.py first. Not here: who speaks (engine/users, engine/teachers), and scores (engine/judging).
"""
