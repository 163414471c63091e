"""Templates of the static site: no network, no fonts, a few lines of script for the copy button."""

STYLE = """\
:root { color-scheme: light dark; --ink: #1d2330; --paper: #fdfdfb; --soft: #5b6475; --line: #d8dae0;
  --accent: #0b5cad; --good: #1b7a3d; --bad: #b3261e; --panel: #f3f4f6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ee; --paper: #15181e; --soft: #9aa3b5; --line: #343a46;
  --accent: #7db4f0; --good: #6cc58a; --bad: #f2857c; --panel: #1e222b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.6 Georgia, 'Times New Roman', serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.2rem 1rem 4rem; overflow-wrap: break-word; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 1rem 0 1.2rem; } h2 { font-size: 1.3rem; margin: 2.2rem 0 .6rem; }
nav, code, pre, .meta, table, .words, summary, .label { font-family: system-ui, sans-serif; }
nav { border-bottom: 1px solid var(--line); padding: .6rem 1rem; font-size: .85rem; }
nav a { margin-right: .8rem; } a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: 2px; }
code, pre { font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: .82em; }
pre { background: var(--panel); padding: .8rem; overflow-x: auto; border-radius: 6px; line-height: 1.45; }
.statement { border-left: 3px solid var(--accent); padding: .1rem 0 .1rem 1rem; }
.step { margin: 1.4rem 0; } .step p { margin: .3rem 0; }
.id { font-family: system-ui, sans-serif; font-size: .85rem; font-weight: 600; overflow-wrap: anywhere; }
.proved, .definition { color: var(--good); } .failed, .unchecked { color: var(--bad); }
.meta { color: var(--soft); font-size: .78rem; overflow-wrap: anywhere; }
.eq { overflow-x: auto; overflow-y: hidden; padding: .25rem 0; max-width: 100%; }
.eq math { font-size: 1.02rem; } .words { color: var(--soft); font-size: .8rem; display: block; }
math[display=block] { text-align: left; display: block math; width: max-content; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .82rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
details { margin: .4rem 0; } summary { cursor: pointer; font-size: .85rem; color: var(--accent); }
figure { margin: 1.5rem 0; } figcaption { color: var(--soft); font-size: .85rem; }
svg.figure { width: 100%; height: auto; max-height: 34rem; }
.edge { stroke: var(--soft); stroke-width: 1; } .edge.space { opacity: .55; }
.edge.kept { stroke: var(--good); stroke-width: 2.2; }
.edge.dropped { stroke: var(--bad); stroke-width: 1.8; stroke-dasharray: 5 4; }
.tip { fill: var(--soft); } .node, .box { fill: var(--paper); stroke: var(--ink); } .heat { fill: var(--accent);
  stroke: var(--line); } .name { font: 12px system-ui, sans-serif; fill: var(--ink); text-anchor: middle; }
.label { font: 12px system-ui, sans-serif; fill: var(--soft); }
.edge-name { font-size: 9px; fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
button.copy { font: .78rem system-ui, sans-serif; padding: .2rem .7rem; cursor: pointer; }
:is(p, li, td, h1, h2, h3) > code { overflow-wrap: anywhere; }
.traps dt { font-family: system-ui, sans-serif; font-weight: 600; font-size: .85rem; } .traps dd { margin: 0 0 .6rem; }
.code pre { font-size: .78rem; } .code span[id]:target { background: var(--panel); outline: 1px solid var(--accent); }
"""

SCRIPT = """\
document.querySelectorAll('button.copy').forEach(function (b) {
  b.addEventListener('click', function () {
    navigator.clipboard.writeText(b.nextElementSibling.textContent).then(function () { b.textContent = 'copied'; });
  });
});
"""

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><link rel="icon" href="data:,"><style>{{ style }}</style></head>
<body><nav aria-label="derivations"><a href="{{ up }}index.html">All derivations</a>
{%- if before %}<a href="{{ before[0] }}.html">← {{ before[1] }}</a>{% endif %}
{%- if after %}<a href="{{ after[0] }}.html">{{ after[1] }} →</a>{% endif %}</nav>
<main>{{ body }}</main><script>{{ script }}</script></body></html>
"""

CHAPTER = """\
<h1>{{ d.title }}</h1>
<p class="meta">{{ count }} steps, {{ identities }} identities; <span class="{{ 'failed' if bad else 'proved' }}">
{{- (bad|string + ' not proved') if bad else 'all proved' }}</span></p>
{% for p in d.motivation %}<p>{{ p|prose }}</p>{% endfor %}
<h2>Statement</h2><div class="statement">{% for p in d.statement %}<p>{{ p|prose }}</p>{% endfor %}</div>
<h2>Symbols</h2><dl class="traps">{% for s in symbols %}<dt>{{ s[0] }}</dt><dd>{{ s[1]|prose }}</dd>{% endfor %}</dl>
{% for f in figures %}<figure>{{ f.svg|safe }}<figcaption>{{ f.caption }}</figcaption></figure>{% endfor %}
<h2>Proof</h2>
{% for s in steps %}{% if s.group and s.first %}<details><summary>{{ s.group }}: {{ s.size }} cells</summary>{% endif %}
<section class="step" id="{{ s.anchor }}">
<div class="id"><span class="{{ s.status }}">{{ s.mark }}</span> {{ s.id }}</div>
<p>{{ s.why|prose }}</p>
{% if s.equations|length > 3 %}{{ s.equations[:2]|join|safe }}
<details><summary>{{ s.equations|length - 2 }} more</summary>{{ s.equations[2:]|join|safe }}</details>
{% else %}{{ s.equations|join|safe }}{% endif %}
{% for f in s.failed %}<p class="failed">{{ f }}</p>{% endfor %}
<div class="meta">{{ s.identities }} identities{% if s.sizes %} · {{ s.sizes }}{% endif %}
{%- if s.premises %} · rests on {% for p in s.premises %}<a href="{{ p[0] }}">{{ p[1] }}</a>{{ ', ' if not loop.last }}
{%- endfor %}{% endif %}
{%- if s.code %} · {% for c in s.code %}<a href="{{ c[0] }}"><code>{{ c[1] }}</code></a>{{ ', ' if not loop.last }}
{%- endfor %}{% endif %}
{%- if s.source %} · {{ s.source }}{% endif %}</div></section>
{% if s.group and s.last %}</details>{% endif %}{% endfor %}
<h2>An example</h2><p>{{ example.text|prose }}</p>
<div class="scroll"><table><thead><tr>{% for c in example.columns %}<th>{{ c }}</th>{% endfor %}</tr></thead><tbody>
{% for r in example.rows %}<tr>{% for c in r %}<td>{{ c }}</td>{% endfor %}</tr>{% endfor %}</tbody></table></div>
<h2>What goes wrong in practice</h2><dl class="traps">
{% for t in d.traps %}<dt>{{ t.id }}</dt><dd>{{ t.text|prose }}</dd>{% endfor %}</dl>
{% if theorems %}<h2>For every size</h2><p>Checked by a proof assistant, for every width, depth and length that its
statement allows (<code>gradcert theorems</code>, <code>docs/theorems.md</code>):
{% for t in theorems %}<code>{{ t }}</code>{{ ', ' if not loop.last }}{% endfor %}.</p>
{% endif %}<h2>Try it</h2><button class="copy" type="button">copy</button><pre><code>{{ d.snippet }}</code></pre>
"""

INDEX = """\
<h1>Derivations</h1>
<p>Where the learning rules come from, proved about the code that computes them. The engines of <code>reference/</code>
run on symbols; what they return, minus the derivative of the loss with the rule's edges cut, expands to 0.</p>
{% if library %}<p>What they cite, with its sources: <a href="docs/mathematics/README.html">mathematics</a>,
<a href="docs/hardware.html">hardware</a>.</p>{% endif %}
<div class="scroll"><table><thead><tr><th>derivation</th><th>steps</th><th>identities</th><th>seconds</th><th></th></tr>
</thead><tbody>{% for r in rows %}<tr><td><a href="{{ r.name }}.html">{{ r.title }}</a></td><td>{{ r.steps }}</td>
<td>{{ r.identities }}</td><td>{{ r.seconds }}</td><td class="{{ 'failed' if r.bad else 'proved' }}">
{{- '✗ ' + r.bad|string if r.bad else '✓' }}</td></tr>{% endfor %}</tbody></table></div>
<figure>{{ graph.svg|safe }}<figcaption>{{ graph.caption }}</figcaption></figure>
"""

SOURCE = """\
<h1>{{ path }}</h1><div class="code"><pre>{% for line in lines %}<span id="{{ line[0] }}">{{ line[1] }}</span>
{% endfor %}</pre></div>
"""
