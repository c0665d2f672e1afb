"""Backs a directory up, proves that it would restore, and restores it.

python3 backup.py REPOSITORY SOURCE TARGET PASSWORD-FILE
"""

import pathlib
import sys

import drkit


def open_or_create(address, password):
    try:
        return drkit.Repository.open(address, password=password)
    except drkit.NotFoundError:
        return drkit.Repository.create(address, password=password)


def main(repository, source, target, password_file):
    password = pathlib.Path(password_file).read_text().rstrip("\n")
    with open_or_create(repository, password) as repo:
        snapshot = repo.backup(source, tags={"made-by": "example"}, progress=lambda event: print(event, file=sys.stderr))
        print(f"snapshot {snapshot.id}: {snapshot.stats.bytes} bytes, {snapshot.stats.bytes_new} of them new")
        report = repo.check(snapshot, level="files")
        for finding in report.findings:
            print(finding.severity, finding.code, finding.subject, finding.message)
        result = repo.restore(snapshot, target)
        print(f"restored to {target}: {result.status}")
        return 0 if report.ok and result.status == "complete" else 3


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except drkit.Error as error:
        sys.exit(f"{error.code}: {error}")
