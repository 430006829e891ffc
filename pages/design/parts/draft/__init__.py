"""A domain's unsaved changes: the draft, its editor and save bar, deletions that can be undone, problems found in
it."""
