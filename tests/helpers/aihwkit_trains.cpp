// Trains of pulses on devices of aihwkit's presets, by its own C++: tests/brianff/crossbar/aihwkit_trains.csv was obtained
// so. 50 times 1,000 devices: the noise of each thousand comes from one short list of numbers, whose mean is not quite 0.
// Without its Python side, which needs torch, in the unpacked source of aihwkit 1.2.0 (pip download):
//
//   cd src/rpucuda && mkdir stub && echo "enum CBLAS_TRANSPOSE {}; enum CBLAS_ORDER {};" > stub/cblas.h
//   g++ -O1 -w -fpermissive -static -DRPU_USE_OPENBLAS -I. -Istub -o trains \
//       PATH/TO/aihwkit_trains.cpp rng.cpp utility_functions.cpp rpu_simple_device.cpp rpu_pulsed_device.cpp \
//       rpu_pulsed_meta_parameter.cpp rpu_linearstep_device.cpp rpu_expstep_device.cpp \
//       rpu_softbounds_reference_device.cpp -Wl,--unresolved-symbols=ignore-all
//   ./trains > aihwkit_trains.csv
//
// Parameters: src/aihwkit/simulator/presets/devices.py of the same version.

#include "rpu_expstep_device.h"
#include "rpu_linearstep_device.h"
#include "rpu_softbounds_reference_device.h"
#include <cmath>
#include <cstdio>
#include <vector>

using namespace RPU;
const int DEVICES = 1000, REPEATS = 50;

template <typename Parameter>
Parameter described(float dw_min, float up_down, float w_max, float w_min, float dw_min_dtod, float up_down_dtod,
                    float w_max_dtod, float w_min_dtod, float dw_min_std, float write_noise_std) {
  Parameter p;
  p.dw_min = dw_min, p.up_down = up_down, p.w_max = w_max, p.w_min = w_min;
  p.dw_min_dtod = dw_min_dtod, p.up_down_dtod = up_down_dtod, p.w_max_dtod = w_max_dtod, p.w_min_dtod = w_min_dtod;
  p.dw_min_std = dw_min_std, p.write_noise_std = write_noise_std;
  p.enforce_consistency = true, p.perfect_bias = false, p.reset_std = 0.01;
  p.corrupt_devices_prob = 0, p.reset = 0, p.reset_dtod = 0, p.lifetime = 0, p.diffusion = 0;
  return p;
}

// Prints mean and standard deviation of the weights at the end of each part of a train, trains one after the other.
template <typename Parameter>
void trains(const char *preset, Parameter p, float start, std::vector<int> pulses, int parts, bool reset = false) {
  std::vector<double> sum(pulses.size() * parts), squares(sum.size());
  p.initialize();
  for (int seed = 1; seed <= REPEATS; seed++) {
    RealWorldRNG<float> drawn(seed);
    RNG<float> noise(REPEATS + seed);
    std::unique_ptr<AbstractRPUDevice<float>> made = p.createDeviceUnique(DEVICES, 1, &drawn);
    auto &device = dynamic_cast<PulsedRPUDeviceBase<float> &>(*made);
    std::vector<float> row(DEVICES, start);
    float *weights[] = {row.data()};
    device.onSetWeights(weights);
    if (reset)
      device.resetCols(weights, 0, -1, 1.0f, drawn);
    for (int place = 0; place < int(sum.size()); place++) {
      int train = pulses[place / parts];
      std::vector<int> signs(DEVICES, train > 0 ? -1 : 1);  // aihwkit takes updates from the weights
      for (int one = 0; one < std::abs(train) / parts; one++)
        device.doDenseUpdate(weights, signs.data(), &noise);
      for (float w : row)
        sum[place] += w, squares[place] += double(w) * w;
    }
  }
  for (int place = 0, given = 0; place < int(sum.size()); place++) {
    double mean = sum[place] / (DEVICES * REPEATS);
    given += pulses[place / parts] / parts;
    std::printf("%s,%d,%.5f,%.5f\n", preset, given, mean,
                std::sqrt(squares[place] / (DEVICES * REPEATS) - mean * mean));
  }
}

typedef LinearStepRPUDeviceMetaParameter<float> Linear;
typedef ExpStepRPUDeviceMetaParameter<float> Exponential;
typedef SoftBoundsReferenceRPUDeviceMetaParameter<float> SoftBounds;

int main() {
  std::printf("preset,pulses,mean,deviation\n");
  auto ecram = described<Linear>(0.002, 0, 1.1724, -0.8276, 0.1, 0.01, 0.05, 0.05, 0.3, 0);
  auto oxide = described<Linear>(2.8214e-4, 0, 1.1714, -0.8286, 0.1, 0.01, 0.05, 0.05, 2.0, 0);
  ecram.ls_decrease_up = 0.1153, ecram.ls_decrease_down = 0.5085;
  oxide.ls_decrease_up = 0.4152, oxide.ls_decrease_down = 0.7342;
  for (auto *p : {&ecram, &oxide}) {
    p->ls_decrease_up_dtod = p->ls_decrease_down_dtod = 0.05;
    p->ls_mean_bound_reference = p->ls_mult_noise = true;
  }
  trains("ecram", ecram, -0.8276, {500, -500}, 2);
  trains("ecram-mo", oxide, -0.8286, {1500, -1500}, 2);

  auto es = described<Exponential>(0.00135, 0.259359, 1, -1, 0.2, 0.05, 0.3, 0.3, 5, 75);
  es.es_a = es.es_b = -0.5, es.es_gamma_up = es.es_gamma_down = 5, es.es_A_up = -1.18445, es.es_A_down = -0.081404;
  trains("reram-es", es, -1, {400, -400}, 2);

  auto sb = described<SoftBounds>(0.002, 0, 1.25, -0.75, 0.3, 0.01, 0.3 / 1.25, 0.3 / 0.75, 3.75, 56);
  auto om = described<SoftBounds>(0.0949, 0, 1, -1, 0.7829, 0.01, 0.3499, 0.5695, 0.4158, 1.4113);
  auto hfo2 = described<SoftBounds>(0.4622, 0, 1, -1, 0.7125, 0.01, 0.4295, 0.5990, 0.2174, 0.5841);
  for (auto *p : {&om, &hfo2}) {
    p->dw_min_dtod_log_normal = p->subtract_symmetry_point = true;
    p->reference_std = 0.05;
  }
  trains("reram-sb", sb, 0, {300, -300, 300, -300}, 1);
  trains("reram-array-om", om, 0, {12, -12, 12, -12}, 2);
  trains("reram-array-hfo2", hfo2, 0, {4, -4, 4, -4}, 2);

  auto pcm = described<Exponential>(0.01, 0, 2, 0, 0.2, 0.05, 0.1, 0, 0.6, 0);
  pcm.es_a = -1, pcm.es_b = 0, pcm.es_gamma_up = pcm.es_gamma_down = 2.5, pcm.es_A_up = -27.235;
  pcm.es_A_down = -2.235, pcm.dw_min_std_add = 0.042, pcm.dw_min_std_slope = 0.108;
  pcm.reset = 0.01, pcm.reset_dtod = 0.02;
  trains("pcm-training", pcm, 0, {30}, 10, true);
}
