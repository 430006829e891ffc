"""`python -m tests.catalog.office_drive FOLDER` writes the drive of the pack office_files."""

import sys
from pathlib import Path

from tests.catalog.office_drive import write

print(f"{write(Path(sys.argv[1]))} files")
