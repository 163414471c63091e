"""Templates of the pages: a chapter alone, the machine's part of one, the table of contents, a file of the code."""

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="{{ up }}assets/katex.min.css"><link rel="stylesheet" href="{{ up }}assets/chapter.css">
<link rel="stylesheet" href="{{ up }}assets/page.css"></head>
<body><nav aria-label="derivations"><a href="{{ up }}index.html">All derivations</a>
{%- if before %}<a href="{{ before[0] }}.html">← {{ before[1] }}</a>{% endif %}
{%- if after %}<a href="{{ after[0] }}.html">{{ after[1] }} →</a>{% endif %}</nav>
<div class="page{{ ' with-toc' if sections }}">
{% if sections %}<nav class="toc" aria-label="sections"><ol>{% for s in sections %}
<li><a href="#{{ s[0] }}"><span class="n">{{ loop.index }}</span>{{ s[1] }}</a></li>{% endfor %}</ol></nav>{% endif %}
<main class="chapter">{{ body }}</main></div>{{ data }}
<noscript><style>.tex{visibility:visible}</style></noscript>
{% for name in scripts %}<script src="{{ up }}assets/{{ name }}"></script>{% endfor %}</body></html>
"""

PLAIN = """\
{% for p in d.motivation %}<p>{{ p|prose }}</p>{% endfor %}
"""

STATEMENT = """\
<div class="statement">{% for p in d.statement %}<p>{{ p|prose }}</p>{% endfor %}</div>
<dl class="where">{% for s in symbols %}<dt>{{ s[0]|prose }}</dt><dd>{{ s[1]|prose }}</dd>{% endfor %}</dl>
{% for f in figures %}<figure>{{ f.svg|safe }}<figcaption>{{ f.caption }}</figcaption></figure>{% endfor %}
"""

EXAMPLE = """\
<p>{{ example.text|prose }}</p>
<div class="tablewrap"><table><thead><tr>{% for c in example.columns %}<th>{{ c }}</th>{% endfor %}</tr></thead><tbody>
{% for r in example.rows %}<tr>{% for c in r %}<td>{{ c }}</td>{% endfor %}</tr>{% endfor %}</tbody></table></div>
"""

TRAPS = """\
<details><summary>What goes wrong in practice: {{ d.traps|length }} entries of the list of traps</summary>
<dl class="where traps">{% for t in d.traps %}<dt>{{ t.id }}</dt><dd>{{ t.text|prose }}</dd>{% endfor %}</dl></details>
"""

BEHIND = """\
<p>The small marks name steps of this chapter's executable derivation. Such a step runs the project's own Python code
on symbols instead of numbers, and has a computer algebra system decide whether the result equals the formula.</p>
<details><summary>The {{ rows|length }} steps behind this page</summary>
<div class="tablewrap"><table class="proofs">
<thead><tr><th class="l">step</th><th class="l">what it says</th><th>identities</th><th class="l">sizes</th></tr>
</thead>
<tbody>{% for r in rows %}<tr id="p-{{ r.id }}"><td class="l id"><a href="{{ r.href }}">
<span class="{{ r.status }}">{{ r.mark }}</span> {{ r.id }}</a></td><td class="l">{{ r.why|prose }}</td>
<td>{{ r.identities }}</td><td class="l">{{ r.sizes }}</td></tr>{% endfor %}</tbody></table></div>
{% if bad %}<p>{{ bad }} of these steps failed: there code and formula do not agree.
{%- elif open %}<p>{{ open }} What such a proof says is that, at the sizes given, code and formulas agree for
<em>all</em> real values of weights, inputs, targets and states, with the activations left open.
{%- else %}<p>At the sizes given, code and formulas agree for <em>all</em> real values of weights, inputs, targets and
states, with the activations left open.
{%- endif %} This is no proof in a proof assistant: the algebra system and the translation to symbols are
trusted. Rounding is no part of it.</p></details>
{% if lab %}<p>The example is computed by a short script in floating point, what runs forwards and what runs backwards
by separate routines. A test compares its numbers, and every mistake, with the project's engines and rules, or with sums
written out in Python, over a grid of settings.</p>{% endif %}
"""

STEPS = """\
<details id="steps"><summary>The whole derivation as the machine checks it: {{ steps|length }} steps,
{% if unchecked < steps|length %}{{ identities }} identities, {% endif -%}
<span class="{{ 'failed' if bad else 'unchecked' if unchecked else 'proved' }}">
{{- (bad|string + ' failed') if bad else 'not proved in this build' if unchecked == steps|length else
(unchecked|string + ' not proved in this build') if unchecked else 'all proved' -}}
</span>
</summary>
{% if open %}<p>{{ open }}</p>{% endif %}
{% for s in steps %}{% if s.group and s.first %}<details><summary>{{ s.group }}: {{ s.size }} cells</summary>{% endif %}
<section class="step" id="{{ s.anchor }}">
<div class="id"><span class="{{ s.status }}">{{ s.mark }}</span> {{ s.id }}</div>
<p>{{ s.why|prose }}</p>
{% if s.equations|length > 3 %}{{ s.equations[:2]|join|safe }}
<details><summary>{{ s.equations|length - 2 }} more</summary>{{ s.equations[2:]|join|safe }}</details>
{% else %}{{ s.equations|join|safe }}{% endif %}
{% for f in s.failed %}<p class="failed">{{ f }}</p>{% endfor %}
<div class="meta">{{ 'not proved in this build' if s.status == 'unchecked' else s.identities|string + ' identities' }}
{%- if s.sizes %} · {{ s.sizes }}{% endif %}
{%- if s.premises %} · rests on {% for p in s.premises %}<a href="{{ p[0] }}">{{ p[1] }}</a>{{ ', ' if not loop.last }}
{%- endfor %}{% endif %}
{%- if s.code %} · {% for c in s.code %}<a href="{{ c[0] }}"><code>{{ c[1] }}</code></a>{{ ', ' if not loop.last }}
{%- endfor %}{% endif %}
{%- if s.source %} · {{ s.source }}{% endif %}</div></section>
{% if s.group and s.last %}</details>{% endif %}{% endfor %}</details>
{% if theorems %}<details><summary>For every size, checked by a proof assistant</summary><p>For every width, depth and
length that its statement allows (<code>gradcert theorems</code>, <code>docs/theorems.md</code>):
{% for t in theorems %}<code>{{ t }}</code>{{ ', ' if not loop.last }}{% endfor %}.</p></details>
{% endif %}<details><summary>Python to paste</summary><button class="copy" type="button">copy</button>
<pre><code>{{ d.snippet }}</code></pre></details>
"""

SIGNS = """\
<details><summary>All symbols of this page</summary><dl class="where">{% for s in signs %}<dt>{{ s[0]|safe }}</dt>
<dd>{{ s[1]|safe }}</dd>{% endfor %}</dl></details>
<p class="foot">Formulas: KaTeX (MIT licence) with its fonts; text: Source Serif 4 (SIL Open Font License 1.1, as the
fonts of KaTeX). Everything lies beside this page; nothing is loaded from elsewhere.</p>
"""

#: what a page says where steps have no verdict, and by which command they get one
OPEN = """\
{% if missing == of %}Not{% else %}{{ missing }} of {{ of }} steps are not{% endif %} proved in this build:
<code>{{ command }}</code> proves {{ 'it' if missing == of else 'them' }}."""

INDEX = """\
<h1>Derivations</h1>
<p>Where the learning rules come from, as proofs about the code that computes them. The engines of
<code>reference/</code> run on symbols; what they return, minus the derivative of the loss with the rule's edges cut, is
to expand to 0.</p>
{% if library %}<p>What they cite, with its sources: <a href="docs/mathematics/README.html">mathematics</a>,
<a href="docs/hardware.html">hardware</a>.</p>{% endif %}
<div class="tablewrap"><table><thead><tr><th>derivation</th><th>steps</th><th>identities</th><th>seconds</th>
<th></th></tr></thead>
<tbody>{% for r in rows %}<tr><td><a href="{{ r.name }}.html">{{ r.title }}</a></td><td>{{ r.steps }}</td>
<td>{{ '–' if r.unchecked == r.steps else r.identities }}</td>
<td>{{ '–' if r.unchecked == r.steps else r.seconds }}</td>
<td class="{{ 'failed' if r.bad else 'unchecked' if r.unchecked else 'proved' }}">
{{- '✗ ' + r.bad|string if r.bad else '? ' + r.unchecked|string if r.unchecked else '✓' }}</td></tr>{% endfor %}
</tbody></table></div>
{% if open %}<p>{{ open }}</p>{% endif %}
<figure>{{ graph.svg|safe }}<figcaption>{{ graph.caption }} {{ files }}</figcaption></figure>
"""

SOURCE = """\
<h1>{{ path }}</h1><div class="code"><pre>{% for line in lines %}<span id="{{ line[0] }}">{{ line[1] }}</span>
{% endfor %}</pre></div>
"""
