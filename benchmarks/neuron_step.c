/* The MIF neuron by hand: the same float64 equations and the same semi-implicit steps as brianff's, with goodness and
   postsynaptic factor, and as few divisions. One lane of neurons stays in the first-level cache for all steps. */

#include <math.h>

void present(int lanes, int neurons, int steps, const double *restrict all_drive, const double *restrict time_course,
             const double *restrict parameters, double *restrict all_goodness, double *restrict all_postsynaptic,
             double *restrict v, double *restrict s, double *restrict x1, double *restrict x2)
{
    const double R_on = parameters[0], R_off = parameters[1], v_on = parameters[2], v_off = parameters[3],
                 k = parameters[4], tau = parameters[5], E1 = parameters[6], E2 = parameters[7], C = parameters[8],
                 x_initial = parameters[9], v_initial = parameters[10], current = parameters[11], dt = parameters[12];
    const double on1 = exp(-(E1 + v_on) / k), off1 = exp(-(E1 + v_off) / k);
    const double on2 = exp(-(E2 + v_on) / k), off2 = exp(-(E2 + v_off) / k);
    const double a = 1 / R_on - 1 / R_off, b = 1 / R_off, h = dt / C, r = dt / tau, weight = 1.0 / steps;

    for (int lane = 0; lane < lanes; lane++) {
        const double *restrict drive = all_drive + (long)lane * neurons;
        double *restrict goodness = all_goodness + (long)lane * neurons;
        double *restrict postsynaptic = all_postsynaptic + (long)lane * neurons;
        for (int j = 0; j < neurons; j++) {
            v[j] = v_initial;
            x1[j] = x2[j] = x_initial;
            s[j] = goodness[j] = postsynaptic[j] = 0;
        }
        for (int step = 0; step < steps; step++) {
            const double unit = current * time_course[step];
            for (int j = 0; j < neurons; j++) {
                const double G1 = a * x1[j] + b, G2 = a * x2[j] + b, decay = 1 / (1 + h * (G1 + G2));
                v[j] = (v[j] + h * (unit * drive[j] + G1 * E1 + G2 * E2)) * decay;
                s[j] = (s[j] + h * unit * 1e3) * decay;
                const double q = exp(v[j] / k);
                const double a1 = 1 + q * on1, b1 = 1 + q * off1, d1 = a1 * b1, up1 = q * on1 * b1;
                const double a2 = 1 + q * on2, b2 = 1 + q * off2, d2 = a2 * b2, up2 = q * on2 * b2;
                x1[j] = (d1 * x1[j] + r * up1) / (d1 + r * (up1 + a1));
                x2[j] = (d2 * x2[j] + r * up2) / (d2 + r * (up2 + a2));
                const double activity = v[j] * 1e3;
                goodness[j] += weight * activity * activity;
                postsynaptic[j] += weight * 2 * activity * s[j];
            }
        }
    }
}
