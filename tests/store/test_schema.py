"""The tables as statements name them, beside the rows that they are made from."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa

from capture.store import schema
from capture.store.tables import Bug, Occurrence, table_of

MAKER = Path(__file__).parent / "written_schema.py"


def test_the_file_is_what_the_rows_make_of_it() -> None:
    """Where it is not: `make schema`."""
    program = f"import runpy; run = runpy.run_path({str(MAKER)!r}); print(run['written'](run['described']()), end='')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == runpy.run_path(str(MAKER))["FILE"].read_text(encoding="utf-8")


def test_rows_and_statements_mean_the_same_tables() -> None:
    """A statement that names both has each table once."""
    assert table_of(Bug) is schema.BUG
    assert sa.inspect(Bug).local_table is schema.BUG
    both = sa.select(Bug.number).join(schema.OCCURRENCE, schema.OCCURRENCE.c.bug_id == Bug.id)
    assert both.get_final_froms()[0].compare(sa.join(schema.BUG, table_of(Occurrence)))


def test_who_names_tables_loads_no_rows() -> None:
    program = "import sys, capture.store.schema, capture.store.states, capture.store.migrate; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {"sqlmodel", "pydantic", "sqlalchemy.orm"}.isdisjoint(done.stdout.split())
