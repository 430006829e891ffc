"""What pages of several jobs share for drawing. What only one job uses is in its parts/, what surrounds every page in
_shell/, and what does not draw (counting, filtering, deciding what is stored) in `storage` or `engine`.

How to write a page here:

1. A page is a thin script: read the address, ask `storage`, draw. It runs again on every interaction, so keep it
   under 100 ms: count, sort, page and bin in SQL; never load a table to show a part of it.
2. Start with `database = db()` (database.py) and `header("Title", "one sentence")`, or `with actions("Title"):` for
   buttons at the right (layout.py): the page's only h1; its parts are `st.header`. Buttons that come and go with a
   state stand in a row at the left, where one that is drawn moves no other. The shell has set the page configuration,
   logo, menu and engine status already: never call st.set_page_config or st.navigation in a page.
3. Parameters come from the address and are hostile until checked: `number_parameter("id")`,
   `text_parameter("domain")` (routes.py); for what does not exist, `missing("domain", "domains")` draws that and ends
   the page. Pages are reached by name: `page_link("batch", "Open", id=3)`, `if button(...): open_page("batch",
   id=3)`, and in a table or text `url("trajectory", id=3)`. A parameter that a drawn widget is bound to cannot be
   handed to `open_page`.
4. Do work in callbacks (`on_click`, `on_change`) with the ids in `args`, and give every widget a key that holds the
   record's id. One `@st.fragment` per area that changes on its own; poll with `run_every` 1 s on one busy page, 2-5 s
   elsewhere, and None when nothing moves. Never sleep or loop in a page.
5. Text from a model, tool, file or user never goes through st.markdown: draw it with `plain(text)`,
   `code_view(text)`, `json_view(value)` (text.py), `diff_view(diff)` (diff_view.py) or a table. In labels and
   messages use `literal(text)`.
6. What needs a sandbox or a model is a request to the engine (engine_requests.py): `ask(database, "try_tool", {...},
   key="try")` in a callback, then `answer = poll(database, "try")` in the page. It draws a spinner and returns the
   RequestRow once it is done or failed.
7. Wrap a save in `with saving("Domain saved"):` (database.py): it shows a Conflict, InputError or StorageError, and
   toasts success; `keep_message(message)` (messages.py) keeps a message for the next pass. What drops edits is a
   `drop_button` (confirm_buttons.py), which asks first. What deletes asks too (`delete_button`) or can be undone
   (`take_out` of the job *design*). A dialog is a function under `@dialog(title)` (dialogs.py), opened with
   `open_after_page`.
8. Show states with `badge("batch", row.status)`, `badge_reference(teacher)`, `badge_isolation(isolated)` (badges.py):
   an icon and a word, never colour alone. Numbers through format.py (`count`, `money`, `percent`, `seconds`, `ago`,
   `moment`, `bytes_size`, `plural`): unknown is a dash, never 0. One primary button per page, Material icons,
   sentence case, no emoji. An empty list gets `empty_state` with the next action. Charts and tables take `alt`.
9. Which trajectories: `filter_bar(database)` (filters.py) draws the filter, keeps it in the address and returns a
   TrajectoryFilter; `open_page("queue", **filter_parameters(filter))` opens those trajectories, e.g. from a chart. A
   list that is paged in SQL uses `fetched`, `RowsTable` and `pager(total)` (table.py) inside a fragment.
10. Downloads of exports: `st.link_button("Download", export_url(export_id))` (pages/export/parts/downloads.py).
11. Tests: `AppTest.from_file("pages/shell.py").run()` first, then `.switch_page("design/domains.py").run()`; see
    tests/pages/. Browser tests use the `studio` and `page` fixtures of tests/e2e/conftest.py.
"""
