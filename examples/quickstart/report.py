#!/usr/bin/env python3
"""Reads what the quickstart's steps answered; prints a short report and writes it as a page that stands alone.

usage: report.py RESULTS_DIRECTORY PAGE.html
Exit code 1 when a row differs or the check found damage.
"""
import html
import json
import pathlib
import sys


def human(count):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024


class Results:
    def __init__(self, folder):
        self.backups = [json.loads((folder / name).read_text())["snapshot"] for name in ("backup1.json", "backup2.json")]
        self.restore = json.loads((folder / "restore.json").read_text())
        self.check = json.loads((folder / "check.json").read_text())["report"]
        lines = (folder / "seconds.tsv").read_text().splitlines()
        self.seconds = {name: float(value) for name, value in (line.split("\t") for line in lines)}
        self.repository = int((folder / "repository_kib.txt").read_text()) * 1024
        before, after = ((folder / name).read_text() for name in ("rows_before.txt", "rows_after.txt"))
        self.same_rows = before == after and before.strip() != ""
        self.rows = sum(int(line.split(" ")[1]) for line in before.splitlines())
        self.tables = len(before.splitlines())

    @property
    def damages(self):
        return [finding for finding in self.check["findings"] if finding["severity"] == "damage"]

    @property
    def good(self):
        return self.same_rows and self.check["ok"]

    def backup_line(self, number):
        stats = self.backups[number]["stats"]
        seconds = stats["duration_ns"] / 1e9
        return (f"{human(stats['bytes'])}; {human(stats['bytes_new'])} new after deduplication, "
                f"{human(stats['bytes_stored'])} stored; {seconds:.1f} s")

    def facts(self):
        plain = sum(backup["stats"]["bytes"] for backup in self.backups)
        new = sum(backup["stats"]["bytes_new"] for backup in self.backups)
        stored = sum(backup["stats"]["bytes_stored"] for backup in self.backups)
        receipt = self.backups[1]["receipt"]
        restored = self.restore["stats"]
        findings = len(self.check["findings"])
        yield "Server", f"PostgreSQL {receipt.get('server_version', '?')}, {self.rows:,} rows in {self.tables} tables"
        yield "First backup", self.backup_line(0)
        yield "Second backup", self.backup_line(1)
        yield "Deduplication", f"{human(plain)} in two full snapshots, {human(new)} of it different ({plain / max(new, 1):.1f} : 1)"
        yield "Compression", f"{human(new)} stored as {human(stored)}, encrypted ({new / max(stored, 1):.1f} : 1)"
        yield "Repository", f"{human(self.repository)} on disk"
        yield "Restore", f"{human(restored['bytes_written'])} in {restored['duration_ns'] / 1e9:.1f} s, start of the server {self.seconds['start']:.1f} s"
        yield "Rows", "the same, every one" if self.same_rows else "DIFFERENT from before"
        yield "Check", f"level {self.check['level']}, {len(self.check['runs'])} checks in {self.seconds['check']:.1f} s"
        yield "Findings", "none" if findings == 0 else f"{findings}, of them damage: {len(self.damages)}"


STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1c2430;--soft:#5d6876;--line:#e1e5ea;--ok:#15803d;--okbg:#e3f5e9;
--bad:#b91c1c;--badbg:#fde5e4;--a:#a9b8cc;--b:#3f7fd6;--c:#1f9d6b}
@media(prefers-color-scheme:dark){:root{--bg:#11151b;--card:#1a2029;--ink:#e6eaf0;--soft:#98a4b3;--line:#2b333f;--ok:#5fd38a;
--okbg:#143322;--bad:#ff8f87;--badbg:#431b1b;--a:#55647a;--b:#6aa3ef;--c:#4cc596}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,"Noto Sans",sans-serif}
main{max-width:900px;margin:0 auto;padding:32px 20px}header{display:flex;flex-wrap:wrap;gap:12px;align-items:center;margin-bottom:18px}
h1{font-size:24px;margin:0}h2{font-size:16px;margin:0 0 12px}p{margin:2px 0;color:var(--soft)}
.v{margin-left:auto;font-weight:650;padding:7px 16px;border-radius:99px}.v.ok{color:var(--ok);background:var(--okbg)}
.v.bad{color:var(--bad);background:var(--badbg)}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;margin-bottom:16px}
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:500;color:var(--soft);width:140px;vertical-align:top}
td,th{padding:7px 10px 7px 0;border-bottom:1px solid var(--line)}tr:last-child td,tr:last-child th{border:0}
svg text{fill:var(--ink);font:13px system-ui,"Noto Sans",sans-serif}svg .s{fill:var(--soft)}
.a{fill:var(--a)}.b{fill:var(--b)}.c{fill:var(--c)}
"""


def bars(rows, label):
    """Horizontal bars: [(name, [(class, value)], text)], all on one scale."""
    largest = max(sum(value for _, value in parts) for _, parts, _ in rows) or 1
    out = []
    for at, (name, parts, text) in enumerate(rows):
        x, y = 170.0, at * 34
        out.append(f'<text x="0" y="{y + 17}" class="s">{html.escape(name)}</text>')
        for kind, value in parts:
            width = max(2.0, value / largest * 480)
            out.append(f'<rect class="{kind}" x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="20" rx="4"/>')
            x += width
        out.append(f'<text x="{x + 8:.1f}" y="{y + 17}">{html.escape(text)}</text>')
    return f'<svg viewBox="0 0 860 {len(rows) * 34}" width="100%" role="img" aria-label="{label}">{"".join(out)}</svg>'


def size_rows(results):
    for number, backup in enumerate(results.backups, 1):
        stats = backup["stats"]
        for kind, name, key in (("a", "size", "bytes"), ("b", "new", "bytes_new"), ("c", "stored", "bytes_stored")):
            yield f"Backup {number}: {name}", [(kind, stats[key])], human(stats[key])


def page(results):
    verdict = '<div class="v ok">✓ Restored and proven</div>' if results.good else '<div class="v bad">✕ Not proven</div>'
    facts = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in results.facts())
    times = [(name, [("b", results.seconds[key])], f"{results.seconds[key]:.1f} s")
             for name, key in (("First backup", "backup1"), ("Second backup", "backup2"), ("Restore", "restore"),
                               ("Start", "start"), ("Check (boot)", "check"))]
    findings = "".join(f"<tr><th>{html.escape(f['severity'])}</th><td>{html.escape(f['code'])}: {html.escape(f['subject'])}: "
                       f"{html.escape(f['message'])}</td></tr>" for f in results.check["findings"][:200])
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            f"<title>drkit quickstart</title><style>{STYLE}</style></head><body><main><header><div><h1>drkit quickstart</h1>"
            f"<p>A PostgreSQL cluster backed up, lost, restored and started</p></div>{verdict}</header>"
            f'<section class="card"><table>{facts}</table></section>'
            f'<section class="card"><h2>Bytes</h2>{bars(list(size_rows(results)), "bytes")}</section>'
            f'<section class="card"><h2>Seconds</h2>{bars(times, "seconds")}</section>'
            + (f'<section class="card"><h2>Findings</h2><table>{findings}</table></section>' if findings else "")
            + "</main></body></html>\n")


def main():
    results = Results(pathlib.Path(sys.argv[1]))
    target = pathlib.Path(sys.argv[2])
    for name, value in results.facts():
        print(f"  {name:<14}  {value}")
    for finding in results.check["findings"][:20]:
        print(f"  {finding['severity']}: {finding['code']}: {finding['subject']}: {finding['message']}")
    target.write_text(page(results), encoding="utf-8")
    print(f"\n  {'RESTORED AND PROVEN' if results.good else 'NOT PROVEN'}; the report as a page: {target}")
    return 0 if results.good else 1


if __name__ == "__main__":
    sys.exit(main())
