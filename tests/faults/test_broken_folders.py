"""The journal's disk is full, its folder gone or not to be written: answers stay, and the ledger says what was lost."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable

import pytest
from faults.sites import PRELUDE, Site, check_all_arrived, check_the_ledger, until

MakeSite = Callable[..., Site]
# A mount of our own in a user namespace of our own: a really full disk, for root and for everybody else.
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "--", "sh", "-c")


def may_mount() -> bool:
    return subprocess.run([*NAMESPACE, "mount -t tmpfs tmpfs /mnt"], capture_output=True, check=False).returncode == 0


FILL_THE_DISK = """
def fill():
    with open("journal/filler", "wb") as filler:
        try:
            while True:
                filler.write(bytes(4096))
                filler.flush()
        except OSError:
            filler.close = lambda: None
fail(5)
with open("journal/filler", "wb", buffering=0) as filler:
    written = 1
    while written:
        try:
            written = filler.write(bytes(4096))
        except OSError:
            break
fail(40)
tell()
os.unlink("journal/filler")
fail(5)
pipeline.pipeline().close()
drain(load())
tell()
"""


def test_a_full_disk(make_site: MakeSite) -> None:
    assert may_mount(), "this test needs unprivileged user namespaces, or root"
    site = make_site(BACKGROUND=False)
    site.settings.journal_dir.mkdir()
    (site.folder / "script.py").write_text(PRELUDE + FILL_THE_DISK)
    shell = f'mount -t tmpfs -o size=256k tmpfs {site.settings.journal_dir} && exec "$0" "$@"'
    process = site.start("-W", "error", "script.py", before=(*NAMESPACE, shell))
    said = process.communicate(timeout=100)[0]
    assert process.returncode == 0, (site.folder / "stderr").read_text()
    full, freed = map(json.loads, said.splitlines())
    assert full["balanced"]
    check_the_ledger(freed, failures=50)
    assert freed["dropped"].keys() == {"disk_full"}
    assert freed["stored"] + freed["dropped"]["disk_full"] == 50
    assert freed["stored"] >= 10
    arrived = site.arrived()
    assert arrived.stored == arrived.counted == freed["stored"]
    assert {*range(1, 6), *range(46, 51)} <= set(arrived.numbers)


def test_a_limit_on_the_size_of_files(make_site: MakeSite) -> None:
    """The system refuses to let a file grow; SQLite's own file meets the limit as well, so it is drained from here."""
    site = make_site(BACKGROUND=False)
    said = site.run(
        """
import resource
fail(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
fail(60)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
fail(1)
print(asked)
"""
    )
    site.drain()
    found, arrived = site.ledger(), site.arrived()
    check_the_ledger(found, failures=int(said))
    assert found.dropped.keys() == {"disk_full"}
    assert 40 < found.stored == arrived.stored == len(set(arrived.numbers))


def without_rights() -> None:
    """Have root's programs asked for rights like everybody else's."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE


def test_a_folder_that_may_not_be_written(make_site: MakeSite) -> None:
    site = make_site(BACKGROUND=False)
    site.settings.journal_dir.mkdir(mode=0o500)
    (site.folder / "script.py").write_text(
        PRELUDE + "fail(10)\ntell()\nos.chmod('journal', 0o700)\nfail(2)\npipeline.pipeline().close()\ntell()\n"
    )
    import sys

    done = subprocess.run(
        [sys.executable, "script.py"],
        env=site.environment(),
        cwd=site.folder,
        preexec_fn=without_rights,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    closed, opened = map(json.loads, done.stdout.splitlines())
    assert closed["seen"] == 0, "it could not be told anywhere yet"
    check_the_ledger(opened, failures=12)
    assert (opened["pending"], opened["dropped"]) == (2, {"journal_unwritable": 10})


def test_a_file_in_the_place_of_the_folder(make_site: MakeSite) -> None:
    site = make_site(BACKGROUND=False)
    said = site.run(
        "open('journal', 'w').close()\nfail(3)\nos.unlink('journal')\nfail(1)\npipeline.pipeline().close()\ntell()"
    )
    found = json.loads(said)
    check_the_ledger(found, failures=4)
    assert found["dropped"] == {"journal_unwritable": 3}


@pytest.mark.parametrize("background", [True, False])
def test_the_folder_is_deleted_again_and_again_in_a_storm(make_site: MakeSite, background: bool) -> None:
    site = make_site(BACKGROUND=background)
    site.serve(workers=2)
    with site.storm(pause=0.01) as storm:
        for _ in range(3):
            answered = len(storm.answered)
            until(lambda: len(storm.answered) > answered + 10)  # noqa: B023
            shutil.rmtree(site.settings.journal_dir, ignore_errors=True)
    if background:
        until(lambda: site.ledger().stored >= len(storm.answered))
        until(lambda: site.ledger().pending == 0)
    else:
        # Whoever wrote last puts it back with the next failure, or on the way out.
        for process in site.processes:
            process.terminate()
            process.wait()
        site.drain()
    site.stop()
    check_all_arrived(site, storm)


def test_a_folder_deleted_while_nothing_fails_is_put_back_by_the_thread(make_site: MakeSite) -> None:
    """The database is away, so that the journal is all there is; then the process is killed."""
    site = make_site()
    (site.folder / "bugs.db").mkdir()
    site.run(
        """
import shutil
fail(5)
shutil.rmtree("journal")
end = time.monotonic() + 30
while not any(name.endswith(".journal") for name in (os.listdir("journal") if os.path.isdir("journal") else ())):
    assert time.monotonic() < end
    time.sleep(0.05)
os._exit(0)
"""
    )
    (site.folder / "bugs.db").rmdir()
    site.drain()
    assert sorted(site.arrived().numbers) == [1, 2, 3, 4, 5]
    check_the_ledger(site.ledger(), failures=5)


def test_the_tests_own_limits_are_as_they_were() -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    assert os.access("/", os.R_OK)
