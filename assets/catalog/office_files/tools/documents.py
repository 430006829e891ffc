"""Tools for pdf, picture, zip and database files."""

import _drive


def read_pdf(path: str, page: int | None = None) -> dict:
    """Read the text of a PDF, whole or one page.

    Args:
        path: The pdf file.
        page: Page number, counted from 1. Default is all pages.

    Effect: read
    """
    import pypdf

    found = _drive.file(path)
    if found.suffix.lower() != ".pdf":
        raise ValueError(f"'{path}' is no PDF.")
    reader = pypdf.PdfReader(found)
    pages = len(reader.pages)
    if page is not None and not 1 <= page <= pages:
        raise LookupError(f"'{path}' has {pages} page(s); there is no page {page}.")
    wanted = range(pages) if page is None else [page - 1]
    texts = ["\n".join(line.rstrip() for line in reader.pages[n].extract_text().splitlines()) for n in wanted]
    return {"path": path, "pages": pages, "text": "\n".join(texts)}


def image_info(path: str) -> dict:
    """Return format, width, height, colour mode and resolution of a picture.

    Args:
        path: The png or jpg file.

    Effect: read
    """
    from PIL import Image

    found = _drive.file(path)
    if found.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ValueError(f"'{path}' is no png or jpg picture.")
    with Image.open(found) as picture:
        dpi = picture.info.get("dpi")
        return {
            "path": path,
            "format": picture.format,
            "width": picture.width,
            "height": picture.height,
            "mode": picture.mode,
            "dpi": round(float(dpi[0])) if dpi else None,
            "bytes": found.stat().st_size,
        }


def list_zip(path: str) -> dict:
    """List the files inside a zip archive with their sizes.

    Args:
        path: The zip file.

    Effect: read
    """
    with _archive(path) as archive:
        members = [{"name": i.filename, "bytes": i.file_size} for i in archive.infolist() if not i.is_dir()]
    return {"path": path, "count": len(members), "members": members}


def extract_zip(path: str, target_folder: str, member: str | None = None) -> dict:
    """Unpack one file, or all files, of a zip archive into a folder. Existing files are never replaced.

    Args:
        path: The zip file.
        target_folder: Folder to unpack into; it is made when it is missing.
        member: Name of one file inside the archive. Default is all of them.

    Effect: write
    """
    with _archive(path) as archive:
        names = [i.filename for i in archive.infolist() if not i.is_dir()]
        if member is not None and member not in names:
            raise LookupError(f"'{path}' holds no '{member}'. It holds: {', '.join(names)}.")
        wanted = names if member is None else [member]
        targets = [_drive.new_file(f"{target_folder.rstrip('/')}/{name}") for name in wanted]
        for name, target in zip(wanted, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
    return {"path": path, "extracted": [target.as_posix() for target in targets]}


def _archive(path):
    import zipfile

    found = _drive.file(path)
    if not zipfile.is_zipfile(found):
        raise ValueError(f"'{path}' is no zip archive.")
    return zipfile.ZipFile(found)


def list_database_tables(path: str) -> dict:
    """List the tables of an SQLite database with their columns and numbers of rows.

    Args:
        path: The sqlite file.

    Effect: read
    """
    base = _database(path)
    try:
        names = [r[0] for r in base.execute("select name from sqlite_master where type = 'table' order by name")]
        tables = []
        for name in names:
            columns = [r[1] for r in base.execute(f'pragma table_info("{name}")')]
            count = base.execute(f'select count(*) from "{name}"').fetchone()[0]
            tables.append({"table": name, "columns": columns, "rows": count})
    finally:
        base.close()
    return {"path": path, "tables": tables}


def query_database(path: str, sql: str) -> dict:
    """Answer one SELECT over an SQLite database. Reading only; at most 100 rows are returned.

    Args:
        path: The sqlite file, for example "crm/crm.sqlite".
        sql: A single SELECT statement in the SQLite dialect.

    Effect: read
    """
    import sqlite3

    if sql.strip().split(None, 1)[:1] == [] or sql.strip().split(None, 1)[0].lower() not in ("select", "with"):
        raise PermissionError("Only SELECT statements are allowed; the database cannot be changed here.")
    base = _database(path)
    steps = iter(range(200))
    base.set_progress_handler(lambda: next(steps, None) is None, 100_000)
    try:
        cursor = base.execute(sql)
        columns = [c[0] for c in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchmany(100)]
    except sqlite3.Error as error:
        raise ValueError(f"The database refused the query: {error}.") from None
    finally:
        base.close()
    return {"columns": columns, "count": len(rows), "rows": rows}


def _database(path):
    import sqlite3
    from urllib.parse import quote

    found = _drive.file(path)
    with open(found, "rb") as source:
        if source.read(16) != b"SQLite format 3\x00":
            raise ValueError(f"'{path}' is no SQLite database.")
    return sqlite3.connect(f"file:{quote(found.as_posix())}?mode=ro&immutable=1", uri=True)
