/* ottt_fixed_point.c with one thing wrong, the usual one: the update is shifted right, and not rounded.
 *
 *   cc -O2 -o wrong_ottt_fixed_point examples/wrong_ottt_fixed_point.c
 *   gradcert certify --fixed-point q-format --rule ottt -- ./wrong_ottt_fixed_point
 *
 * Every small negative update then moves a weight and no small positive one does.
 */
#define ROUND_UPDATE(x, bits) ((x) >> (bits))
#include "ottt_fixed_point.c"
