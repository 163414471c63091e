/* Judge answers to golden vectors: reader VECTORS.jsonl ANSWERS.jsonl
   Says of every vector how many entries are outside their budgets; ends with 1 if any is, 2 if a file is not JSON.
   cc -O1 -o reader reader.c -lm */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct J { char kind; double n; char *key, *s; struct J *child, *next; } J; /* kind: n " [ { or t f n(ull) */
static char *p;                                                                     /* where the text is read */

static void fail(void) { fprintf(stderr, "not JSON: %.*s\n", (int)strcspn(p, "\r\n"), p); exit(2); }
static void blank(void) { p += strspn(p, " \t\r\n"); }
static char *text(void) { /* escapes stay as they are: no name needs one */
    char *start = ++p;
    while (*p && *p != '"') p += *p == '\\' && p[1] ? 2 : 1;
    if (!*p) { p = start; fail(); }
    *p++ = 0;
    return start;
}
static J *value(void) {
    J *v = calloc(1, sizeof *v), **end = &v->child;
    blank();
    v->kind = *p;
    if (*p == '"') v->s = text();
    else if (*p == '{' || *p == '[') {
        for (p++, blank(); *p && *p != '}' && *p != ']'; blank()) {
            char *key = NULL;
            if (v->kind == '{') { key = text(); blank(); p += *p == ':'; }
            *end = value(); (*end)->key = key; end = &(*end)->next;
            blank(); p += *p == ',';
        }
        if (!*p++) { p--; fail(); }
    } else if (*p == 't' || *p == 'f' || *p == 'n') p += strspn(p, "aeflnrstu");
    else {
        char *start = p;
        v->kind = '0'; v->n = strtod(p, &p);
        if (p == start) fail();
    }
    return v;
}
static J *get(J *v, const char *key) {
    for (v = v ? v->child : NULL; v && strcmp(v->key ? v->key : "", key); v = v->next);
    return v;
}
static int length(J *v) {
    int n = 0;
    for (v = v->child; v; v = v->next) n++;
    return n;
}
static int outside(J *want, J *budget, J *given) { /* how many entries; lists of one shape, numbers at the bottom */
    int bad = 0;
    if (!given || given->kind != want->kind || length(given) != length(want)) return 1;
    if (want->kind == '0') return !(fabs(given->n - want->n) <= budget->n);
    for (want = want->child, budget = budget->child, given = given->child; want;
         want = want->next, budget = budget->next, given = given->next) bad += outside(want, budget, given);
    return bad;
}
static J *lines(const char *name) {
    FILE *file = fopen(name, "r");
    J *first = NULL, **end = &first;
    char *line = NULL;
    size_t room = 0;
    if (!file) { perror(name); exit(2); }
    for (; getline(&line, &room, file) > 0; line = NULL, room = 0) /* the tree points into the line */
        if (strspn(line, " \t\r\n") < strlen(line)) {
            p = line; *end = value(); end = &(*end)->next;
            blank(); if (*p) fail();
        }
    fclose(file);
    return first;
}
int main(int argc, char **argv) {
    if (argc != 3) { fprintf(stderr, "usage: reader VECTORS.jsonl ANSWERS.jsonl\n"); return 2; }
    J *vectors = lines(argv[1]), *answers = lines(argv[2]), *a, *g;
    int wrong = 0;
    for (; vectors; vectors = vectors->next) {
        const char *id = get(vectors, "id")->s;
        for (a = answers; a && (!(g = get(a, "id")) || !g->s || strcmp(g->s, id)); a = a->next);
        int bad = 0;
        for (g = get(get(vectors, "expected"), "gradients")->child; g; g = g->next)
            bad += outside(get(g, "value"), get(g, "budget"), get(get(a, "gradients"), g->key));
        if (!a) printf("%s: no answer\n", id);
        else if (bad) printf("%s: %d outside\n", id, bad);
        else printf("%s: ok\n", id);
        wrong += bad;
    }
    return wrong > 0;
}
