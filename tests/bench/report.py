"""Shows results: a table for the terminal, JSON with every run, one HTML page with bars."""

import html
import json
import statistics

COLUMNS = (("wall", "wall s"), ("cpu", "cpu s"), ("machine_cpu", "all cpu s"), ("max_rss", "rss MiB"),
           ("stored", "stored MB"), ("added", "added MB"))


def median(row, key):
    return statistics.median(run[key] for run in row["runs"])


def shown(key, value):
    if key == "max_rss":
        return f"{value / 2**20:.0f}"
    if key in ("stored", "added"):
        return f"{value / 1e6:.1f}"
    return f"{value:.2f}"


def ratio(rows, row, key="wall"):
    """The peer's figure over drkit's; None for drkit itself."""
    if not row["against"]:
        return None
    base = next(other for other in rows if other["section"] == row["section"] and other["label"] == row["against"])
    return median(row, key) / max(median(base, key), 1e-9)


def sections(rows):
    return list(dict.fromkeys(row["section"] for row in rows))


def table(rows):
    """Medians; the last column above 1 means that drkit is faster."""
    lines = []
    head = f"{'':42}" + "".join(f"{title:>11}" for _, title in COLUMNS) + f"{'spread s':>15}{'wall peer/drkit':>17}"
    for section in sections(rows):
        lines += ["", f"== {section}", head]
        for row in (row for row in rows if row["section"] == section):
            walls = [run["wall"] for run in row["runs"]]
            factor = ratio(rows, row)
            lines.append(f"{row['label']:42}" + "".join(f"{shown(key, median(row, key)):>11}" for key, _ in COLUMNS) +
                         f"{f'{min(walls):.2f}-{max(walls):.2f}':>15}" + (f"{factor:>17.2f}" if factor else ""))
    return "\n".join(lines[1:])


def write_json(path, about, rows):
    document = {**about, "results": [
        {**row, "median": {key: median(row, key) for key, _ in COLUMNS}, "wall_ratio": ratio(rows, row)} for row in rows]}
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(document, stream, indent=1)
        stream.write("\n")


def _bars(rows, key, title):
    height, left, width = 22, 290, 460
    most = max(median(row, key) for row in rows) or 1
    parts = [f'<h3>{title}</h3><svg width="860" height="{height * len(rows) + 4}" role="img" aria-label="{title}">']
    for index, row in enumerate(rows):
        value, top = median(row, key), index * height
        factor = ratio(rows, row, key)
        text = shown(key, value) + (f"  ({factor:.2f} x drkit)" if factor else "")
        kind = "peer" if row["against"] else "own"
        parts.append(f'<text x="{left - 8}" y="{top + 15}" text-anchor="end">{html.escape(row["label"])}</text>'
                     f'<rect class="{kind}" x="{left}" y="{top + 2}" width="{max(1, width * value / most * 0.75):.0f}" height="17"/>'
                     f'<text x="{left + max(1, width * value / most * 0.75) + 6:.0f}" y="{top + 15}">{text}</text>')
    return "".join(parts) + "</svg>"


STYLE = """body{font:15px sans-serif;max-width:900px;margin:2em auto;padding:0 1em;color:#222;background:#fff}
text{font-size:13px;fill:#222}.own{fill:#1f77b4}.peer{fill:#b8b8b8}h3{font-size:14px;margin:.8em 0 .2em}td{padding:0 1em 0 0}"""


def write_html(path, about, rows):
    facts = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(str(value))}</td></tr>"
                    for part in ("machine", "versions", "settings") for name, value in about[part].items())
    charts = []
    for section in sections(rows):
        own = [row for row in rows if row["section"] == section]
        charts.append(f"<h2>{section}</h2>" + "".join(
            _bars(own, key, title) for key, title in
            (("wall", "wall seconds"), ("cpu", "processor seconds of the tool"), ("added", "MB written"), ("max_rss", "memory, MiB"))))
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(f'<!doctype html><html lang="en"><meta charset="utf-8"><title>drkit measurements</title><style>{STYLE}</style>'
                     f"<h1>drkit measurements</h1><p>Medians; shorter bars are better. A factor above 1: drkit needs less.</p>"
                     f"{''.join(charts)}<h2>Where</h2><table>{facts}</table></html>\n")
