"""Rows of an export as a person looks at them: messages, tokens, what is trained, and what a chat template drops.

Read drawn_rows.py first. Not here: the tokenizer and the templates themselves, which rows are made with too.
"""
