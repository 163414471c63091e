/* OTTT (arXiv 2210.04195) for stacks of LIF layers, in C without libraries.
 *
 *   cc -O2 -ffp-contract=off -o ottt examples/ottt.c -lm
 *
 * One problem per line on standard input, one line of gradients on standard output (the schema is in rtrl.mjs).
 * Claim: ottt, cell lif, any depth, float64; soft reset before the leak, undivided input, no lateral weights:
 *
 *   v = leak (v - threshold z) + W x + b        z = [v >= threshold], or > where "strict" says so
 *   trace = leak trace + x                      g = psi(v - threshold) * learning signal of the same step
 *   dE/dW = sum_t g (x) trace                   dE/db = sum_t g * (leak-trace of 1)
 */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON: a value is a number, a text (string, true, false, null), or a list; an object is a list with keys ---- */

typedef struct Value {
    char kind; /* 'n', 's', '[', '{' */
    double number;
    char *text;
    char **key;
    struct Value **item;
    int count;
} Value;

static void fail(const char *what) {
    fprintf(stderr, "ottt: %s\n", what);
    exit(2);
}

static void *allot(size_t size) {
    void *memory = calloc(1, size ? size : 1);
    if (!memory) fail("out of memory");
    return memory;
}

static void blank(char **p) {
    while (isspace((unsigned char)**p)) ++*p;
}

static char *text(char **p) { /* names of this schema hold no escapes */
    char *start = ++*p, *end = strpbrk(start, "\"\\");
    if (!end || *end != '"') fail("a string with an escape, or without an end");
    *end = 0;
    *p = end + 1;
    return start;
}

static Value *parse(char **p) {
    Value *v = allot(sizeof *v);
    blank(p);
    v->kind = **p;
    if (v->kind == '[' || v->kind == '{') {
        char close = v->kind == '[' ? ']' : '}';
        for (++*p, blank(p); **p != close; ++v->count) {
            if (v->count && **p == ',') ++*p;
            v->item = realloc(v->item, (size_t)(v->count + 1) * sizeof *v->item);
            v->key = realloc(v->key, (size_t)(v->count + 1) * sizeof *v->key);
            if (!v->item || !v->key) fail("out of memory");
            blank(p);
            if (close == '}') {
                if (**p != '"') fail("a key was expected");
                v->key[v->count] = text(p);
                blank(p);
                if (*(*p)++ != ':') fail("a colon was expected");
            }
            v->item[v->count] = parse(p);
            blank(p);
            if (**p != ',' && **p != close) fail("a comma was expected");
        }
        ++*p;
    } else if (v->kind == '"') {
        v->kind = 's';
        v->text = text(p);
    } else if (isalpha((unsigned char)v->kind)) {
        v->kind = 's';
        v->text = *p;
        v->number = !strncmp(*p, "true", 4);
        while (isalpha((unsigned char)**p)) ++*p;
    } else {
        char *end;
        v->kind = 'n';
        v->number = strtod(*p, &end);
        if (end == *p) fail("a number was expected");
        *p = end;
    }
    return v;
}

static void release(Value *v) {
    for (int i = 0; i < v->count; ++i) release(v->item[i]);
    free(v->item);
    free(v->key);
    free(v);
}

static Value *find(const Value *object, const char *key) {
    for (int i = 0; i < object->count; ++i)
        if (!strcmp(object->key[i], key)) return object->item[i];
    return NULL;
}

static Value *get(const Value *object, const char *key) {
    Value *v = find(object, key);
    if (!v) fail(key);
    return v;
}

static int is(const Value *v, const char *word) { return v->kind == 's' && !strcmp(v->text, word); }

static double at(const Value *v, int i) { return v->count ? v->item[i]->number : v->number; } /* or one for all */

static Value *parameter(const Value *problem, int layer, const char *name) {
    char key[64];
    snprintf(key, sizeof key, "layers.%d.%s", layer, name);
    return find(get(problem, "parameters"), key);
}

/* ---- OTTT ---- */

typedef struct {
    int inputs, units, strict, triangle;
    double scale, width;
    Value *leak, *threshold, *W, *b;
    double *v, *z, *psi, *trace, *bias_trace; /* of one sample; the trace decays with the leak of the receiving unit */
    double *gW, *gb;
} Layer;

static Layer load(const Value *problem, int index) {
    const Value *description = get(get(problem, "network"), "layers")->item[index];
    const Value *options = get(description, "options"), *surrogate = get(options, "surrogate");
    Layer l = {.inputs = (int)get(description, "inputs")->number, .units = (int)get(description, "units")->number};
    if (!is(get(description, "cell"), "lif")) fail("the cell is not lif");
    if (!is(get(options, "reset"), "subtract_before_leak")) fail("the reset is not subtract_before_leak");
    if (!is(get(options, "gain"), "one")) fail("the gain is not one");
    if (parameter(problem, index, "H")) fail("lateral weights");
    l.triangle = is(get(surrogate, "name"), "triangle");
    if (!l.triangle && !is(get(surrogate, "name"), "sigmoid")) fail("the surrogate is neither sigmoid nor triangle");
    l.scale = get(surrogate, "scale")->number;
    l.width = l.triangle ? get(surrogate, "width")->number : 0;
    l.strict = get(options, "strict")->number != 0;
    l.leak = get(options, "leak");
    l.threshold = get(options, "threshold");
    l.W = parameter(problem, index, "W");
    l.b = parameter(problem, index, "b");
    size_t n = (size_t)l.units, weights = n * (size_t)l.inputs;
    l.v = allot(n * sizeof(double));
    l.z = allot(n * sizeof(double));
    l.psi = allot(n * sizeof(double));
    l.bias_trace = allot(n * sizeof(double));
    l.trace = allot(weights * sizeof(double));
    l.gW = allot(weights * sizeof(double));
    l.gb = allot(n * sizeof(double));
    return l;
}

static void rest(Layer *l) {
    size_t n = (size_t)l->units * sizeof(double);
    memset(l->v, 0, n);
    memset(l->z, 0, n);
    memset(l->bias_trace, 0, n);
    memset(l->trace, 0, n * (size_t)l->inputs);
}

static void step(Layer *l, const double *x) {
    for (int i = 0; i < l->units; ++i) {
        double leak = at(l->leak, i), threshold = at(l->threshold, i), drive = l->b ? at(l->b, i) : 0;
        for (int j = 0; j < l->inputs; ++j) {
            double *trace = &l->trace[i * l->inputs + j];
            drive += at(l->W->item[i], j) * x[j];
            *trace = leak * *trace + x[j];
        }
        l->bias_trace[i] = leak * l->bias_trace[i] + 1;
        l->v[i] = leak * (l->v[i] - threshold * l->z[i]) + drive;
        double u = l->v[i] - threshold;
        l->z[i] = l->strict ? u > 0 : u >= 0;
        if (l->triangle) {
            l->psi[i] = l->scale * fmax(0, 1 - fabs(u) / l->width);
        } else {
            double s = 1 / (1 + exp(-l->scale * u));
            l->psi[i] = l->scale * s * (1 - s);
        }
    }
}

static void learn(Layer *l, const double *signal, double *below) {
    memset(below, 0, (size_t)l->inputs * sizeof(double));
    for (int i = 0; i < l->units; ++i) {
        double g = signal[i] * l->psi[i];
        l->gb[i] += g * l->bias_trace[i];
        for (int j = 0; j < l->inputs; ++j) {
            l->gW[i * l->inputs + j] += g * l->trace[i * l->inputs + j];
            below[j] += g * at(l->W->item[i], j);
        }
    }
}

/* Loss of one step and sample; its derivative goes to signal. */
static double share(const Value *loss, const double *o, const Value *y, int n, double divisor, double *signal) {
    double value = 0, shift = o[0], total = 0, mass = 0;
    int squared = is(get(loss, "kind"), "squared_error");
    for (int k = 0; k < n; ++k) shift = fmax(shift, o[k]);
    for (int k = 0; k < n; ++k) total += exp(o[k] - shift), mass += at(y, k);
    for (int k = 0; k < n; ++k) {
        double log_p = o[k] - shift - log(total), e = o[k] - at(y, k);
        value += squared ? e * e / 2 : -at(y, k) * log_p;
        signal[k] = (squared ? e : exp(log_p) * mass - at(y, k)) / divisor;
    }
    return value / divisor;
}

static void list(const double *values, int n) {
    putchar('[');
    for (int i = 0; i < n; ++i) printf(i ? ",%.17g" : "%.17g", values[i]);
    putchar(']');
}

static void answer(const Value *problem) {
    const Value *inputs = get(problem, "inputs"), *targets = get(problem, "targets");
    const Value *loss = get(get(problem, "network"), "loss");
    int depth = get(get(problem, "network"), "layers")->count, steps = inputs->count, batch = inputs->item[0]->count;
    int last = is(get(loss, "when"), "last"), widest = 0;
    double divisor = (is(get(loss, "time"), "mean") && !last ? steps : 1) * (is(get(loss, "batch"), "mean") ? batch : 1);
    Layer *layers = allot((size_t)depth * sizeof *layers);
    for (int l = 0; l < depth; ++l) {
        layers[l] = load(problem, l);
        widest = (int)fmax(widest, fmax(layers[l].inputs, layers[l].units));
    }
    Layer *top = &layers[depth - 1];
    size_t out = (size_t)top->units, row = (size_t)widest * sizeof(double);
    double *x = allot(row), *signal = allot(row), *below = allot(row), value = 0;
    double *outputs = allot((size_t)steps * (size_t)batch * out * sizeof(double));

    for (int s = 0; s < batch; ++s) {
        for (int l = 0; l < depth; ++l) rest(&layers[l]);
        for (int t = 0; t < steps; ++t) {
            for (int j = 0; j < layers[0].inputs; ++j) x[j] = at(inputs->item[t]->item[s], j);
            for (int l = 0; l < depth; ++l) step(&layers[l], l ? layers[l - 1].z : x);
            memcpy(&outputs[(size_t)(t * batch + s) * out], top->z, out * sizeof(double));
            if (last && t < steps - 1) continue;
            value += share(loss, top->z, targets->item[t]->item[s], top->units, divisor, signal);
            for (int l = depth - 1; l >= 0; --l) {
                learn(&layers[l], signal, below);
                memcpy(signal, below, (size_t)layers[l].inputs * sizeof(double));
            }
        }
    }

    printf("{\"loss\":%.17g,\"gradients\":{", value);
    for (int l = 0; l < depth; ++l) {
        printf("%s\"layers.%d.W\":[", l ? "," : "", l);
        for (int i = 0; i < layers[l].units; ++i) {
            if (i) putchar(',');
            list(&layers[l].gW[i * layers[l].inputs], layers[l].inputs);
        }
        putchar(']');
        if (layers[l].b) {
            printf(",\"layers.%d.b\":", l);
            list(layers[l].gb, layers[l].units);
        }
    }
    printf("},\"outputs\":[");
    for (int t = 0; t < steps; ++t) {
        for (int s = 0; s < batch; ++s) {
            fputs(s ? "," : t ? ",[" : "[", stdout);
            list(&outputs[(size_t)(t * batch + s) * out], top->units);
        }
        putchar(']');
    }
    puts("]}");
    fflush(stdout);

    for (int l = 0; l < depth; ++l) {
        double *owned[] = {layers[l].v, layers[l].z, layers[l].psi, layers[l].bias_trace, layers[l].trace, layers[l].gW, layers[l].gb};
        for (size_t i = 0; i < sizeof owned / sizeof *owned; ++i) free(owned[i]);
    }
    free(layers), free(x), free(signal), free(below), free(outputs);
}

int main(void) {
    char *line = NULL, *p;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        p = line;
        blank(&p);
        if (!*p) continue;
        Value *problem = parse(&p);
        answer(problem);
        release(problem);
    }
    free(line);
    return 0;
}
