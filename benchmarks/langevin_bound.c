/* The bound: overdamped Langevin dynamics in L(w) = (w^2 - 1)^2 - tilt w, the arithmetic of slt_toys/kernels.py.

   64 chains in lanes, xoshiro256+ in each (Blackman & Vigna 2021), Box-Muller with the same polynomials, gradient
   inlined. To be a bound it may do what the engine's template does not: the normals of two steps are used in the
   loop that makes them and are never stored, and GROUP lanes run through all the steps before the next group, so
   that with few lanes the state stays in registers. With LOOPS 3 bits, logarithm and the rest have a loop each, as in
   the engine, which suits some processors better than one. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 64
#ifndef GROUP
#define GROUP LANES
#endif
#ifndef LOOPS
#define LOOPS 1
#endif
#if LOOPS == 3
#define NEXT_LOOP }                 \
    for (int i = 0; i < GROUP; i++) {
#else
#define NEXT_LOOP
#endif

static inline double as_float(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t as_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#define NEXT(result)                \
    result = s0 + s3;               \
    t = s1 << 17;                   \
    s2 ^= s0;                       \
    s3 ^= s1;                       \
    s1 ^= s2;                       \
    s0 ^= s3;                       \
    s2 ^= t;                        \
    s3 = (s3 << 45) | (s3 >> 19);

/* state: blocks x 64; bits: blocks x 4 x 64. An odd number of steps drops the second normal of the last pair. */
void advance(double *restrict state, uint64_t *restrict bits, int64_t blocks, int64_t steps, double dt,
             double noise, double tilt)
{
    for (int64_t block = 0; block < blocks; block++)
        for (int group = 0; group < LANES; group += GROUP) {
            double *const w_stored = state + block * LANES + group;
            uint64_t *const bits_stored = bits + block * 4 * LANES + group;
            double w[GROUP];
            uint64_t random[4][GROUP], first_bits[GROUP], second_bits[GROUP];
            double logarithm[GROUP];
            for (int i = 0; i < GROUP; i++) {
                w[i] = w_stored[i];
                for (int k = 0; k < 4; k++) random[k][i] = bits_stored[k * LANES + i];
            }
            for (int64_t step = 0; step < steps; step += 2) {
                const int both = step + 1 < steps;
                for (int i = 0; i < GROUP; i++) {
                    uint64_t s0 = random[0][i], s1 = random[1][i], s2 = random[2][i], s3 = random[3][i];
                    uint64_t r1, r2, t;
                    NEXT(r1)
                    NEXT(r2)
                    random[0][i] = s0;
                    random[1][i] = s1;
                    random[2][i] = s2;
                    random[3][i] = s3;
                    first_bits[i] = r1;
                    second_bits[i] = r2;
                    NEXT_LOOP
                    const double u = 2.0 - as_float((first_bits[i] >> 12) | 0x3FF0000000000000);
                    const uint64_t b = as_bits(u) + 0x00095F619980C433;
                    const double e = as_float((b >> 52) | 0x4330000000000000) - 4503599627371519.0;
                    const double m = as_float((b & 0x000FFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD);
                    const double q = (m - 1.0) / (m + 1.0), v = q * q;
                    double c = 0.1531383769920937 + v * 0.14798198605116586;
                    c = 0.1818357216161805 + v * c;
                    c = 0.2222219843214978 + v * c;
                    c = 0.2857142874366239 + v * c;
                    c = 0.3999999999940941 + v * c;
                    c = 0.6666666666666735 + v * c;
                    logarithm[i] = e * 0.6931471805599453 + (2.0 * q + q * v * c);
                    NEXT_LOOP
                    const uint64_t bits_of_turn = second_bits[i];
                    double radius = sqrt(-2.0 * logarithm[i]);
                    const double turn = as_float((bits_of_turn >> 12) | 0x3FF0000000000000) - 1.5;
                    const double x = turn * 1.5707963267948966, y = x * x;
                    double n = -2.50507477628578072866e-8 + y * 1.58962301576546568060e-10;
                    n = 2.75573136213857245213e-6 + y * n;
                    n = -1.98412698295895385996e-4 + y * n;
                    n = 8.33333333332211858878e-3 + y * n;
                    n = -1.66666666666666307295e-1 + y * n;
                    n = x + x * y * n;
                    double k = 2.08757008419747316778e-9 - y * 1.13585365213876817300e-11;
                    k = -2.75573141792967388112e-7 + y * k;
                    k = 2.48015872888517045348e-5 + y * k;
                    k = -1.38888888888730564116e-3 + y * k;
                    k = 4.16666666666665929218e-2 + y * k;
                    k = 1.0 - 0.5 * y + y * y * k;
                    const int swap = (bits_of_turn >> 11) & 1;
                    radius = as_float(as_bits(radius) | ((bits_of_turn << 53) & 0x8000000000000000));
                    const double first = radius * (swap ? n : k), second = radius * (swap ? k : n);
                    double p = w[i];
                    p = p - dt * (p * (4.0 * (p * p) - 4.0) - tilt) + noise * first;
                    const double z = p - dt * (p * (4.0 * (p * p) - 4.0) - tilt) + noise * second;
                    w[i] = both ? z : p;
                }
            }
            for (int i = 0; i < GROUP; i++) {
                w_stored[i] = w[i];
                for (int k = 0; k < 4; k++) bits_stored[k * LANES + i] = random[k][i];
            }
        }
}

/* The bound of noise from single bits: the same in single numbers, with a sign for noise, one bit of a word of 32 that
   is drawn for as many steps. WIDE chains run through a word's steps together: enough to hide what one step waits for
   the one before; of a last word that is not used up the rest is dropped. */
#define WIDE (8 * GROUP)

void advance_by_signs(float *restrict state, uint64_t *restrict bits, int64_t blocks, int64_t steps, double dt_,
                      double noise_, double tilt_)
{
    const float dt = (float)dt_, tilt = (float)tilt_;
    const float noise = (float)noise_;
    uint32_t size;
    memcpy(&size, &noise, sizeof size);
    for (int64_t first = 0; first < blocks * LANES; first += WIDE) {
        float w[WIDE];
        uint32_t words[WIDE];
        for (int i = 0; i < WIDE; i++) w[i] = state[first + i];
        for (int64_t step = 0; step < steps; step += 32) {
            for (int part = 0; part < WIDE; part += GROUP) {
                const int64_t lane = first + part;
                uint64_t *const random = bits + lane / LANES * 4 * LANES + lane % LANES;
                for (int i = 0; i < GROUP; i++) {
                    uint64_t s0 = random[i], s1 = random[LANES + i], s2 = random[2 * LANES + i];
                    uint64_t s3 = random[3 * LANES + i], r, t;
                    NEXT(r)
                    random[i] = s0;
                    random[LANES + i] = s1;
                    random[2 * LANES + i] = s2;
                    random[3 * LANES + i] = s3;
                    words[part + i] = (uint32_t)(r >> 32);
                }
            }
            const int count = steps - step < 32 ? (int)(steps - step) : 32;
            for (int k = 0; k < count; k++)
                for (int i = 0; i < WIDE; i++) {
                    const uint32_t turned = ((words[i] << k) & 0x80000000u) ^ size;
                    float z;
                    memcpy(&z, &turned, sizeof z);
                    const float p = w[i];
                    w[i] = p - dt * (p * (4.0f * (p * p) - 4.0f) - tilt) + z;
                }
        }
        for (int i = 0; i < WIDE; i++) state[first + i] = w[i];
    }
}
