/* One OTTT learning step in fixed point, plain Q-format with 8-bit weights: 2 inputs, 2 neurons, 1 output.
 *
 *   cc -O2 -o ottt_fixed_point examples/ottt_fixed_point.c
 *   gradcert certify --fixed-point q-format --rule ottt -- ./ottt_fixed_point
 *
 * One step per line of standard input: {"inputs": {"x": [..], "target": [..]}, "state": {"W": [[..], [..]], ...}},
 * stored integers all of them. One line of standard output holds the next states and the learning signal. Formats
 * (sign, width, q, fraction bits), roundings and order are those of `gradcert hardware q-format --rule ottt`.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS 2
#define NEURONS 2
#define LEAK 30720 /* 15/16, 15 fraction bits */
#define THRESHOLD 1024 /* 1.0, 10 fraction bits */
#define RATE 6 /* the learning rate is 2**-6 */

typedef long long wide;

static wide nearest_even(wide x, int bits) {
    wide floor = x >> bits, rest = x & ((1LL << bits) - 1), half = 1LL << (bits - 1);
    return floor + (rest > half || (rest == half && (floor & 1)));
}

#ifndef ROUND_UPDATE
#define ROUND_UPDATE(x, bits) nearest_even(x, bits)
#endif

static wide saturate(wide x, int bits) { /* signed, `bits` wide */
    wide high = (1LL << (bits - 1)) - 1;
    return x > high ? high : x < -high - 1 ? -high - 1 : x;
}

static void read_ints(const char *line, const char *name, wide *out, int count) {
    char key[40];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(line, key);
    if (!at) { fprintf(stderr, "no %s\n", name); exit(2); }
    at += strlen(key);
    for (int i = 0; i < count; ++i) {
        while (*at && !strchr("-0123456789", *at)) ++at;
        out[i] = strtoll(at, (char **)&at, 10);
    }
}

static wide height(wide distance) { /* five steps at -3/4, -1/4, 1/4, 3/4 (10 fraction bits); heights in sixteenths */
    return distance >= 768 ? 0 : distance >= 256 ? 2 : distance >= -256 ? 5 : distance >= -768 ? 2 : 0;
}

int main(void) {
    static char line[65536];
    while (fgets(line, sizeof line, stdin)) {
        wide x[INPUTS], target, w[NEURONS][INPUTS], wo[NEURONS], v[NEURONS], z[NEURONS], trace[INPUTS];
        read_ints(line, "x", x, INPUTS);
        read_ints(line, "target", &target, 1);
        read_ints(line, "W", w[0], NEURONS * INPUTS);
        read_ints(line, "Wo", wo, NEURONS);
        read_ints(line, "v", v, NEURONS);
        read_ints(line, "z", z, NEURONS);
        read_ints(line, "xh", trace, INPUTS);

        wide psi[NEURONS], output = 0;
        for (int i = 0; i < NEURONS; ++i) { /* leak after the reset, then the input current */
            wide drive = 0;
            for (int j = 0; j < INPUTS; ++j) drive += w[i][j] * x[j] * 16; /* 6 to 10 fraction bits */
            wide kept = saturate(v[i] - THRESHOLD * z[i], 16);
            v[i] = saturate(nearest_even(LEAK * kept, 15) + saturate(drive, 16), 16);
            wide distance = saturate(v[i] - THRESHOLD, 16);
            z[i] = distance >= 0;
            psi[i] = height(distance);
            output += wo[i] * z[i] * 16;
        }
        wide error = saturate(saturate(output, 16) - target, 16);
        wide credit[NEURONS];
        for (int i = 0; i < NEURONS; ++i) { /* through the readout weights as they are before their update */
            wide signal = saturate(nearest_even(wo[i] * error, 6), 18);
            credit[i] = saturate(nearest_even(signal * psi[i], 4), 20);
        }
        for (int j = 0; j < INPUTS; ++j) { /* presynaptic traces, 14 bits unsigned, 8 of them after the point */
            wide next = nearest_even(LEAK * trace[j], 15) + 256 * x[j];
            trace[j] = next > 16383 ? 16383 : next;
        }
        for (int i = 0; i < NEURONS; ++i) {
            for (int j = 0; j < INPUTS; ++j) {
                wide product = saturate(nearest_even(credit[i] * trace[j], 4), 30); /* 14 fraction bits */
                w[i][j] = saturate(w[i][j] - saturate(ROUND_UPDATE(product, 8 + RATE), 10), 8);
            }
            wide product = error * z[i] * 16;
            wo[i] = saturate(wo[i] - saturate(ROUND_UPDATE(product, 8 + RATE), 10), 8);
        }
        printf("{\"W.next\": [[%lld, %lld], [%lld, %lld]], \"Wo.next\": [[%lld, %lld]], \"credit\": [%lld, %lld], ",
               w[0][0], w[0][1], w[1][0], w[1][1], wo[0], wo[1], credit[0], credit[1]);
        printf("\"v.next\": [%lld, %lld], \"z.next\": [%lld, %lld], \"xh.next\": [%lld, %lld]}\n",
               v[0], v[1], z[0], z[1], trace[0], trace[1]);
        fflush(stdout);
    }
    return 0;
}
