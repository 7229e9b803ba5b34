// Vec in plain C++; see generic.inl.

struct Vec {
  float lane[16];
};

template <typename Function>
inline Vec each(Function function) {
  Vec v;  // NOLINT(cppcoreguidelines-pro-type-member-init): the loop sets all of it
  for (int i = 0; i < 16; ++i) v.lane[i] = function(i);
  return v;
}

inline std::uint32_t bits_of(float x) { return __builtin_bit_cast(std::uint32_t, x); }
inline float float_of(std::uint32_t bits) { return __builtin_bit_cast(float, bits); }

// IEEE half precision, exact in this direction.
inline float from_half(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t rest = half & 0x7fffU;
  if (rest >= 0x7c00U) return float_of(sign | 0x7f800000U | (rest & 0x3ffU) << 13);
  if (rest >= 0x0400U) return float_of(sign | ((rest << 13) + 0x38000000U));
  const float value = static_cast<float>(rest) * 0x1p-24F;
  return sign != 0 ? -value : value;
}

// Rounds half to even.
inline std::uint16_t to_half(float x) {
  const std::uint32_t sign = bits_of(x) >> 16 & 0x8000U;
  const std::uint32_t rest = bits_of(x) & 0x7fffffffU;
  if (rest > 0x7f800000U) return static_cast<std::uint16_t>(sign | 0x7e00U | (rest >> 13 & 0x3ffU));
  if (rest >= 0x477ff000U) return static_cast<std::uint16_t>(sign | 0x7c00U);
  if (rest < 0x38800000U) {  // subnormal: one addition rounds it
    const float shifted = float_of(rest) + 0.5F;
    return static_cast<std::uint16_t>(sign | (bits_of(shifted) - bits_of(0.5F)));
  }
  const std::uint32_t rounded = rest + 0xfffU + (rest >> 13 & 1U) - 0x38000000U;
  return static_cast<std::uint16_t>(sign | rounded >> 13);
}

inline Vec zero() { return Vec{}; }
inline Vec set1(float x) {
  return each([x](int) { return x; });
}
inline Vec load(const float* p) {
  return each([p](int i) { return p[i]; });
}
inline void store(float* p, Vec v) {
  for (int i = 0; i < 16; ++i) p[i] = v.lane[i];
}
inline Vec add(Vec a, Vec b) {
  return each([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline Vec sub(Vec a, Vec b) {
  return each([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline Vec mul(Vec a, Vec b) {
  return each([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline Vec div(Vec a, Vec b) {
  return each([&](int i) { return a.lane[i] / b.lane[i]; });
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return each([&](int i) { return __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]); });
}
inline Vec vmax(Vec a, Vec b) {
  return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline Vec vabs(Vec a) {
  return each([&](int i) { return float_of(bits_of(a.lane[i]) & 0x7fffffffU); });
}
inline Vec zero_below(Vec x, float bound, Vec v) {
  return each([&](int i) { return x.lane[i] < bound ? 0.0F : v.lane[i]; });
}
inline Vec select_negative(Vec sign, Vec negative, Vec other) {
  return each(
      [&](int i) { return bits_of(sign.lane[i]) >> 31 != 0 ? negative.lane[i] : other.lane[i]; });
}
inline Vec exp2_of(Vec shifted) {
  return each([&](int i) { return float_of((bits_of(shifted.lane[i]) + 127U) << 23); });
}
inline Vec load_half(const std::uint16_t* p) {
  return each([p](int i) { return from_half(p[i]); });
}
inline void store_half(std::uint16_t* p, Vec v) {
  for (int i = 0; i < 16; ++i) p[i] = to_half(v.lane[i]);
}
inline Vec load_bf16(const std::uint16_t* p) {
  return each([p](int i) { return float_of(static_cast<std::uint32_t>(p[i]) << 16); });
}
inline Vec load_int32(const std::int32_t* p) {
  return each([p](int i) { return static_cast<float>(p[i]); });
}
inline void store_int16(std::int16_t* p, Vec v) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::int16_t>(v.lane[i]);
}
inline void store_uint8(std::uint8_t* p, Vec v) {
  for (int i = 0; i < 16; ++i) p[i] = static_cast<std::uint8_t>(static_cast<int>(v.lane[i]) + 128);
}
inline float square_root(float x) { return __builtin_sqrtf(x); }
