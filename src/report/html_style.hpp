// html_style: the look of every page. Colours follow the reader's light or dark setting; no script, no outside file.
#pragma once

#include <string_view>

namespace drkit::report {

inline constexpr std::string_view kPageStyle = R"css(
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1c2430;--soft:#5d6876;--line:#e1e5ea;--ok:#15803d;--ok-bg:#e3f5e9;
--warn:#a15c07;--warn-bg:#fdf1d8;--bad:#b91c1c;--bad-bg:#fde5e4;--note:#1d5fbf;--note-bg:#e4eefc;--bar:#3f7fd6;--track:#e8ecf1}
@media (prefers-color-scheme:dark){:root{--bg:#11151b;--card:#1a2029;--ink:#e6eaf0;--soft:#98a4b3;--line:#2b333f;--ok:#5fd38a;
--ok-bg:#143322;--warn:#f0b95c;--warn-bg:#3a2c10;--bad:#ff8f87;--bad-bg:#431b1b;--note:#8ab8ff;--note-bg:#172a47;--bar:#6aa3ef;--track:#2a3340}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{max-width:960px;margin:0 auto;padding:32px 20px 56px}
header{display:flex;flex-wrap:wrap;align-items:center;gap:12px 20px;margin-bottom:20px}
h1{font-size:24px;line-height:1.25;margin:0;font-weight:650;letter-spacing:-.01em}
h2{font-size:16px;margin:0 0 12px;font-weight:650}
.sub{color:var(--soft);margin:2px 0 0}
.verdict{margin-left:auto;font-weight:650;padding:7px 16px;border-radius:999px;white-space:nowrap}
.verdict.ok,.sev.ok{color:var(--ok);background:var(--ok-bg)}
.verdict.warning,.sev.warning{color:var(--warn);background:var(--warn-bg)}
.verdict.damage,.sev.damage{color:var(--bad);background:var(--bad-bg)}
.sev.note{color:var(--note);background:var(--note-bg)}
.card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;margin-bottom:16px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(260px,1fr));gap:14px 24px}
.facts dt{color:var(--soft);font-size:12.5px}
.facts dd{margin:0;font-size:17px;font-weight:600;overflow-wrap:anywhere}
.facts dd.id{font:13px/1.7 ui-monospace,"DejaVu Sans Mono",Menlo,monospace;font-weight:400}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th{text-align:left;color:var(--soft);font-size:12.5px;font-weight:500;padding:4px 14px 6px 0;border-bottom:1px solid var(--line)}
td{padding:8px 14px 8px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
td.n,th.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td.d{color:var(--soft);overflow-wrap:anywhere}
td.plot{width:170px;padding-top:14px}
td.plot svg{display:block}
code{font:13px ui-monospace,"DejaVu Sans Mono",Menlo,monospace;overflow-wrap:anywhere}
td.k code{white-space:nowrap}
td.w{min-width:220px;overflow-wrap:anywhere}
.sev{display:inline-block;font-size:12.5px;font-weight:600;padding:1px 10px;border-radius:999px}
.plain{color:var(--soft);margin:0}
.track{fill:var(--track)}.bar{fill:var(--bar)}
.s-damage{fill:var(--bad)}.s-warning{fill:var(--warn)}.s-note{fill:var(--note)}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin:8px 0 0;color:var(--soft);font-size:13.5px}
.legend b{color:var(--ink)}
.dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:6px}
.dot.damage{background:var(--bad)}.dot.warning{background:var(--warn)}.dot.note{background:var(--note)}
footer{color:var(--soft);font-size:13px}
@media print{body{background:#fff}.card{break-inside:avoid}}
)css";

}  // namespace drkit::report
