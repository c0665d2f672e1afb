"""What has to be reached: each bar compares medians of one section."""

from report import median

# section, drkit's label, the other's label, figure, least factor (other / drkit)
BARS = (
    ("first", "drkit", "pgBackRest", "wall", 1.8),
    ("first", "drkit", "tar | zstd | age", "wall", 1.3),
    ("first", "drkit", "pgBackRest", "stored", 1 / 1.05),
    ("documents", "drkit", "pgBackRest", "wall", 1.2),
    ("unchanged", "drkit", "pgBackRest", "wall", 4),
    ("changed", "drkit", "pgBackRest", "wall", 4),
    ("changed", "drkit", "pgBackRest block", "wall", 4),
    ("changed", "drkit", "pgBackRest block", "added", 3),
    ("restore", "drkit", "pgBackRest", "wall", 1.6),
    ("delta", "drkit", "pgBackRest --delta", "wall", 1.5),
    ("start", "drkit", "pgBackRest", "wall", 1.5),
)
MEMORY = 128 * 2**20


def judge(rows):
    """One line for each bar of which both sides were measured."""
    by_name = {(row["section"], row["label"]): row for row in rows}
    judged = []
    for section, own, other, key, factor in BARS:
        ours, theirs = by_name.get((section, own)), by_name.get((section, other))
        if ours and theirs:
            reached = median(theirs, key) / max(median(ours, key), 1e-9)
            judged.append({"what": f"{section}: {key} against {other}", "ours": median(ours, key),
                           "theirs": median(theirs, key), "factor": reached, "bar": factor, "reached": reached >= factor})
    for row in rows:
        if row["label"] == "drkit":
            most = max(run["max_rss"] for run in row["runs"])
            judged.append({"what": f"{row['section']}: peak memory", "ours": most, "theirs": None,
                           "factor": MEMORY / most, "bar": 1, "reached": most <= MEMORY})
    return judged


def table(judged):
    lines = [f"{'':44}{'drkit':>14}{'other':>14}{'factor':>9}{'bar':>7}"]
    for line in judged:
        scale = 1 if "wall" in line["what"] else 1e6
        theirs = "" if line["theirs"] is None else f"{line['theirs'] / scale:.2f}"
        lines.append(f"{line['what']:44}{line['ours'] / scale:>14.2f}{theirs:>14}{line['factor']:>9.2f}{line['bar']:>7.2f}"
                     + ("" if line["reached"] else "   missed"))
    return "\n".join(lines)
