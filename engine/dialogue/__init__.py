"""What was said in a dialogue, read from its text: questions, facts, what a request leaves out, which request a turn
belongs to, which calls repeat, who the user is. All of it is pure.

Read requests.py first. Not here: who speaks (engine/users, engine/teachers), and what it is worth (engine/judging).
"""
