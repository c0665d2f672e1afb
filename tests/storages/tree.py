"""A small tree that changes from backup to backup, and what must come back out of a snapshot of it."""
import hashlib
import os


def digests(root):
    """Relative path to SHA-256 of every file."""
    found = {}
    for path in root.rglob("*"):
        if path.is_file():
            found[str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


class Tree:
    def __init__(self, root, dice):
        self.root, self.dice, self.count = root, dice, 0
        root.mkdir()
        (root / "large").write_bytes(dice.randbytes(3_000_000))
        for _ in range(12):
            self.add()

    def add(self):
        self.count += 1
        folder = self.root / f"folder{self.count % 3}"
        folder.mkdir(exist_ok=True)
        (folder / f"file{self.count}").write_bytes(self.dice.randbytes(self.dice.randrange(1, 60_000)))

    def change(self):
        """A file comes, one goes, one is written afresh, and a piece of the large one is other than before."""
        self.add()
        small = sorted(path for path in self.root.rglob("file*") if path.is_file())
        if len(small) > 12:
            small.pop(self.dice.randrange(len(small))).unlink()
        self.dice.choice(small).write_bytes(self.dice.randbytes(self.dice.randrange(1, 60_000)))
        with open(self.root / "large", "r+b") as file:
            file.seek(self.dice.randrange(2_800_000))
            file.write(self.dice.randbytes(self.dice.randrange(1, 200_000)))
            os.fsync(file.fileno())
