"""Shared drawing of the studio. How to write a page here:

1. A page is a thin script: read the address, ask `storage`, draw. It runs again on every interaction, so keep it under
   100 ms: count, sort, page and bin in SQL; never load a table to show a part of it.
2. Start with `database = db()` and `header("Title", "one sentence")`. The shell has set the page configuration, logo,
   menu and engine status already: never call st.set_page_config or st.navigation in a page.
3. Parameters come from the address: `number_parameter("id")`, `text_parameter("domain")`. They are hostile until checked;
   show `missing("domain", "/domains")` for what does not exist. Other pages are reached by name: `open_page("batch", id=3)`
   in a callback's follow-up, `page_link("batch", "Open", id=3)` in the page, `url("trajectory", id=3)` in a table.
4. Do work in callbacks (`on_click`, `on_change`) with the ids in `args`, and give every widget a key that holds the
   record's id. One `@st.fragment` per area that changes on its own; poll with `run_every` 1 s on one busy page, 2-5 s
   elsewhere, and None when nothing moves. Never sleep or loop in a page.
5. Text from a model, tool, file or user never goes through st.markdown, labels included: use `plain(text)`, st.code,
   `json_view(value)` or a table. Labels that must show such text go through `literal(text)`.
6. What needs a sandbox or a model is a request to the engine: `ask(database, "try_tool", {...}, key="try")` in a callback,
   then `answer = poll(database, "try")` in the page: it draws the waiting, and returns the RequestRow when it is done.
7. Wrap a save in `with saving("Domain saved"):`: it tells of a Conflict, an InputError or a StorageError in the page and
   toasts success.
8. Show states with `badge_status`, `badge_verdict`, ...: an icon and a word, never colour alone. Numbers through
   `count`, `money`, `percent`, `seconds`, `ago`; unknown stays "–", never 0. One primary button per page. Material icons,
   sentence case, no emoji. Empty lists get `empty_state` with the next action. Charts and tables take `alt`.
9. Which trajectories: `filter_bar(database, key)` draws the filter, keeps it in the address and returns a
   TrajectoryFilter; `filter_parameters(filter)` turns one into address parameters, e.g. to open a queue from a chart.
10. Tests: AppTest.from_file("pages/shell.py").run() first, then switch_page("design/domains.py") and run().
"""
