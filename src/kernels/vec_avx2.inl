// Vec for AVX2 with FMA and F16C; see generic.inl.

struct Vec {
  __m256 low, high;
};

inline Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline Vec set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline void store(float* p, Vec v) {
  _mm256_storeu_ps(p, v.low);
  _mm256_storeu_ps(p + 8, v.high);
}
inline Vec add(Vec a, Vec b) {
  return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}
inline Vec sub(Vec a, Vec b) {
  return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}
inline Vec mul(Vec a, Vec b) {
  return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)};
}
inline Vec div(Vec a, Vec b) {
  return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)};
}
inline Vec fma(Vec a, Vec b, Vec c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline Vec vmax(Vec a, Vec b) {
  return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}
inline Vec vabs(Vec a) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
inline Vec zero_below(Vec x, float bound, Vec v) {
  const __m256 b = _mm256_set1_ps(bound);
  return {_mm256_andnot_ps(_mm256_cmp_ps(x.low, b, _CMP_LT_OQ), v.low),
          _mm256_andnot_ps(_mm256_cmp_ps(x.high, b, _CMP_LT_OQ), v.high)};
}
inline Vec select_negative(Vec sign, Vec negative, Vec other) {
  return {_mm256_blendv_ps(other.low, negative.low, sign.low),
          _mm256_blendv_ps(other.high, negative.high, sign.high)};
}
inline __m256 exp2_of(__m256 shifted) {
  const __m256i exponent = _mm256_add_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
inline Vec exp2_of(Vec shifted) { return {exp2_of(shifted.low), exp2_of(shifted.high)}; }
inline __m128i load128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline void store128(void* p, __m128i v) { _mm_storeu_si128(static_cast<__m128i*>(p), v); }
inline Vec load_half(const std::uint16_t* p) {
  return {_mm256_cvtph_ps(load128(p)), _mm256_cvtph_ps(load128(p + 8))};
}
inline void store_half(std::uint16_t* p, Vec v) {
  store128(p, _mm256_cvtps_ph(v.low, _MM_FROUND_TO_NEAREST_INT));
  store128(p + 8, _mm256_cvtps_ph(v.high, _MM_FROUND_TO_NEAREST_INT));
}
inline __m256 from_bf16(__m128i v) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}
inline Vec load_bf16(const std::uint16_t* p) {
  return {from_bf16(load128(p)), from_bf16(load128(p + 8))};
}
inline __m256i load256(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline Vec load_int32(const std::int32_t* p) {
  return {_mm256_cvtepi32_ps(load256(p)), _mm256_cvtepi32_ps(load256(p + 8))};
}
// Saturating: values are within 16 bits.
inline __m256i to_int16(Vec v) {
  const __m256i mixed = _mm256_packs_epi32(_mm256_cvtps_epi32(v.low), _mm256_cvtps_epi32(v.high));
  return _mm256_permute4x64_epi64(mixed, 0b11011000);
}
inline void store_int16(std::int16_t* p, Vec v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_int16(v));
}
inline void store_uint8(std::uint8_t* p, Vec v) {
  const __m256i shifted = _mm256_add_epi16(to_int16(v), _mm256_set1_epi16(128));
  store128(p,
           _mm_packus_epi16(_mm256_castsi256_si128(shifted), _mm256_extracti128_si256(shifted, 1)));
}
inline float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }
