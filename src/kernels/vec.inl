// What is built on any instruction set's Vec: ends of rows, sums over lanes, the exponential. Rules
// and the list of what the including file defines are in generic.inl.

constexpr float kLowestExponent = -87.0F;
constexpr float kFloatMax = 0x1.fffffep127F;

inline float tree_sum(Vec v) {
  float lane[16];
  store(lane, v);
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lane[i] += lane[i + half];
  }
  return lane[0];
}

inline float lane_max(Vec v) {
  float lane[16];
  store(lane, v);
  float best = lane[0];
  for (int i = 1; i < 16; ++i) best = lane[i] > best ? lane[i] : best;
  return best;
}

// The first `count` floats, then zeros, for the end of a row.
inline Vec load_part(const float* x, int count) {
  float lane[16] = {};
  for (int i = 0; i < count; ++i) lane[i] = x[i];
  return load(lane);
}

inline void store_part(float* y, Vec v, int count) {
  float lane[16];
  store(lane, v);
  for (int i = 0; i < count; ++i) y[i] = lane[i];
}

inline Vec load_upto(const float* x, int count) {
  return count >= 16 ? load(x) : load_part(x, count);
}

inline void store_upto(float* y, Vec v, int count) {
  if (count >= 16) {
    store(y, v);
  } else {
    store_part(y, v, count);
  }
}

// e^x for x <= 0; 0 below -87. Cody-Waite reduction x = k ln 2 + r and a Taylor polynomial of
// degree 7, in plain products and sums, so that its bits are those of any processor. Relative error
// below 2e-7.
inline Vec exp_of_nonpositive(Vec x) {
  const Vec clamped = vmax(x, set1(kLowestExponent));
  const Vec shift = set1(0x1.8p23F);  // adding it rounds to an integer, found in the low bits
  const Vec shifted = add(mul(clamped, set1(0x1.715476p0F)), shift);
  const Vec k = sub(shifted, shift);
  const Vec r = sub(sub(clamped, mul(k, set1(0x1.62e4p-1F))), mul(k, set1(0x1.7f7d1cp-20F)));
  Vec p = set1(1.0F / 5040.0F);
  p = add(mul(p, r), set1(1.0F / 720.0F));
  p = add(mul(p, r), set1(1.0F / 120.0F));
  p = add(mul(p, r), set1(1.0F / 24.0F));
  p = add(mul(p, r), set1(1.0F / 6.0F));
  p = add(mul(p, r), set1(0.5F));
  p = add(mul(p, r), set1(1.0F));
  p = add(mul(p, r), set1(1.0F));
  return zero_below(x, kLowestExponent, mul(p, exp2_of(shifted)));
}
