"""The report page's own style and script: light and dark, no network, and nothing lost where no script runs."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--faint:#57606a;--rule:#d0d7de;--soft:#f4f6f8;--link:#0550ae;
--proved:#dcebd6;--refuted:#d3e4f7;--loud:#fff3b0}
@media (prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e6e9ed;--faint:#a7b0ba;--rule:#3a424c;--soft:#1c2128;
--link:#79b8ff;--proved:#2d4a2a;--refuted:#21405f;--loud:#5f5300}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:66rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,'DejaVu Sans',sans-serif}
a{color:var(--link)}
h1{font-size:1.6rem;margin:0 0 .5rem}
h2{font-size:1.25rem;margin:2.2rem 0 .6rem}
h3{font-size:1.05rem;margin:1.6rem 0 .4rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{border-bottom:1px solid var(--rule);padding:.35rem .6rem .35rem 0;text-align:left;vertical-align:top}
tbody th{font-weight:normal;white-space:nowrap;font-family:ui-monospace,'DejaVu Sans Mono',monospace}
.needs tbody th,#lemmas tbody th{white-space:normal;overflow-wrap:anywhere}
#lemmas th:first-child{min-width:14rem}
#lemmas th:nth-child(2){min-width:20rem}
td.number{text-align:right;font-variant-numeric:tabular-nums}
.claim{border-top:2px solid var(--rule);margin-top:2rem}
.family,blockquote footer{color:var(--faint);margin:0}
blockquote{margin:.8rem 0;padding:.1rem 1rem;border-left:4px solid var(--rule)}
blockquote p{margin:.3rem 0}
.statement{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:.88rem}
code,pre{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:.85rem}
pre{background:var(--soft);padding:.8rem;overflow-x:auto}
.badge{display:inline-block;padding:0 .5rem;border:1px solid var(--ink);border-radius:.8rem;font-size:.85rem;
font-weight:normal;white-space:nowrap}
.badge.proved{background:var(--proved)}
.badge.refuted{background:var(--refuted)}
.badge.unknown,.badge.vacuous,.badge.error{background:var(--loud);font-weight:bold;border-width:2px}
.counts{display:flex;flex-wrap:wrap;gap:1rem;padding:0;list-style:none}
.verdict{font-weight:bold;white-space:pre-wrap}
#filters{position:sticky;top:0;display:flex;flex-wrap:wrap;gap:.6rem 1.2rem;align-items:baseline;padding:.6rem 0;
background:var(--paper);border-bottom:1px solid var(--rule);z-index:1}
#filters[hidden]{display:none}
select,input{font:inherit;color:inherit;background:var(--soft);border:1px solid var(--faint);padding:.1rem .3rem}
.patterns{position:absolute}
details{margin:.6rem 0;border:1px solid var(--rule);padding:.4rem .8rem}
summary{cursor:pointer}
.wide{overflow-x:auto}
.drawn svg{max-width:100%;height:auto;display:block}
.graph svg{display:block}
.ptproof-picture a text{fill:var(--link)}
.ptproof-picture .dot{fill:var(--ink)}
.ptproof-picture .arc{stroke-width:1.2}
.claim,.drawn,#lemmas tr{scroll-margin-top:4rem}
@media print{#filters{display:none}}
@media (max-width:40rem){body{padding:.8rem}.claims :is(th,td):is(:nth-child(2),:nth-child(5),:nth-child(6)){display:none}
td{overflow-wrap:anywhere}.drawn{overflow-x:auto}.drawn svg{min-width:40rem}}
"""

SCRIPT: Final = """
(() => {
  const form = document.getElementById("filters");
  const field = (name) => document.getElementById("filter-" + name);
  const claims = [...document.querySelectorAll("[data-claim]")];
  const apply = () => {
    const words = field("text").value.toLowerCase().split(/\\s+/).filter(Boolean);
    let shown = 0;
    for (const claim of claims) {
      const { family, verdict, text } = claim.dataset;
      claim.hidden = !(
        (!field("family").value || field("family").value === family) &&
        (!field("verdict").value || field("verdict").value === verdict) &&
        words.every((word) => text.includes(word))
      );
      shown += claim.matches("tr") && !claim.hidden ? 1 : 0;
    }
    document.getElementById("shown").textContent = shown + (shown === 1 ? " claim" : " claims") + " shown";
  };
  form.addEventListener("input", apply);
  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();
"""
