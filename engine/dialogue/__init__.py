"""Finds in the messages of a dialogue: questions, stated facts, withheld values, the request that a message serves,
repeated calls, identity checks. All of it is pure.

Read requests.py first. Not here: who speaks (engine/users, engine/teachers), and scores (engine/judging).
"""
