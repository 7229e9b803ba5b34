// Vec for NEON; see generic.inl. All of it is in every 64-bit Arm processor.

struct Vec {
  float32x4_t v[4];
};

template <typename Function>
inline Vec each_quarter(Function function) {
  return {{function(0), function(1), function(2), function(3)}};
}

inline Vec set1(float x) {
  return each_quarter([x](int) { return vdupq_n_f32(x); });
}
inline Vec zero() { return set1(0.0F); }
inline Vec load(const float* p) {
  return each_quarter([p](int i) { return vld1q_f32(p + 4 * i); });
}
inline void store(float* p, Vec a) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]);
}
inline Vec add(Vec a, Vec b) {
  return each_quarter([&](int i) { return vaddq_f32(a.v[i], b.v[i]); });
}
inline Vec sub(Vec a, Vec b) {
  return each_quarter([&](int i) { return vsubq_f32(a.v[i], b.v[i]); });
}
inline Vec mul(Vec a, Vec b) {
  return each_quarter([&](int i) { return vmulq_f32(a.v[i], b.v[i]); });
}
inline Vec div(Vec a, Vec b) {
  return each_quarter([&](int i) { return vdivq_f32(a.v[i], b.v[i]); });
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return each_quarter([&](int i) { return vfmaq_f32(c.v[i], a.v[i], b.v[i]); });
}
// The processor's own maximum is NaN where either is, and takes 0 for more than -0.
inline Vec vmax(Vec a, Vec b) {
  return each_quarter([&](int i) { return vbslq_f32(vcgtq_f32(a.v[i], b.v[i]), a.v[i], b.v[i]); });
}
inline Vec vabs(Vec a) {
  return each_quarter([&](int i) { return vabsq_f32(a.v[i]); });
}
inline Vec zero_below(Vec x, float bound, Vec v) {
  return each_quarter([&](int i) {
    const uint32x4_t below = vcltq_f32(x.v[i], vdupq_n_f32(bound));
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v.v[i]), below));
  });
}
inline Vec select_negative(Vec sign, Vec negative, Vec other) {
  return each_quarter([&](int i) {
    const uint32x4_t minus = vcltzq_s32(vreinterpretq_s32_f32(sign.v[i]));
    return vbslq_f32(minus, negative.v[i], other.v[i]);
  });
}
inline Vec exp2_of(Vec shifted) {
  return each_quarter([&](int i) {
    const int32x4_t exponent = vaddq_s32(vreinterpretq_s32_f32(shifted.v[i]), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23));
  });
}
inline Vec load_half(const std::uint16_t* p) {
  return each_quarter(
      [p](int i) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))); });
}
inline void store_half(std::uint16_t* p, Vec a) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(a.v[i])));
}
inline Vec load_bf16(const std::uint16_t* p) {
  return each_quarter(
      [p](int i) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)); });
}
inline Vec load_int32(const std::int32_t* p) {
  return each_quarter([p](int i) { return vcvtq_f32_s32(vld1q_s32(p + 4 * i)); });
}
// Half of the lanes; values are whole and within 16 bits.
inline int16x8_t to_int16(float32x4_t low, float32x4_t high) {
  return vcombine_s16(vmovn_s32(vcvtq_s32_f32(low)), vmovn_s32(vcvtq_s32_f32(high)));
}
inline void store_int16(std::int16_t* p, Vec a) {
  vst1q_s16(p, to_int16(a.v[0], a.v[1]));
  vst1q_s16(p + 8, to_int16(a.v[2], a.v[3]));
}
inline void store_uint8(std::uint8_t* p, Vec a) {
  const int16x8_t extra = vdupq_n_s16(128);
  vst1_u8(p, vqmovun_s16(vaddq_s16(to_int16(a.v[0], a.v[1]), extra)));
  vst1_u8(p + 8, vqmovun_s16(vaddq_s16(to_int16(a.v[2], a.v[3]), extra)));
}
inline float square_root(float x) { return __builtin_sqrtf(x); }
