"""What the screens of the job *design* draw.

`draft/` holds a domain's unsaved changes and how they are edited, saved and undone; `tools/`, `templates/` and
`workspace/` draw those parts of a pack; the files here draw a domain's page, its dialogs, and personas. Read
draft/domain_draft.py first.
"""
