// A row of activations as the integers that an int8 product takes; see generic.inl.

float quantize(const float* x, const float* input_scale, int k, int k_padded, int q_max,
               ActivationFormat format, int row, int rows, void* out) {
  Vec largest = zero();
  Vec finite = zero();  // x * 0 is 0, or NaN if x is not finite
  for (int i = 0; i < k; i += 16) {
    const Vec v = mul(load_upto(x + i, k - i), load_upto(input_scale + i, k - i));
    largest = vmax(vabs(v), largest);
    finite = add(finite, mul(v, zero()));
  }
  const float most = lane_max(largest);
  const float broken = tree_sum(finite);
  const bool usable = most > 0 && broken == 0;
  // A row below about 1e-36 would overflow the inverse; it is treated as zero.
  const float inverse = usable ? static_cast<float>(q_max) / most : 0.0F;
  const Vec factor = set1(inverse <= kFloatMax ? inverse : 0.0F);
  const auto stride = static_cast<std::size_t>(k_padded);
  const Vec magic = set1(0x1.8p23F);  // adding and subtracting it rounds half to even
  for (int i = 0; i < k_padded; i += 16) {
    Vec q = zero();
    if (i < k && usable) {
      const Vec v = mul(load_upto(x + i, k - i), load_upto(input_scale + i, k - i));
      q = sub(add(mul(v, factor), magic), magic);
    }
    const std::size_t place = static_cast<std::size_t>(row) * stride + static_cast<std::size_t>(i);
    switch (format) {
      case ActivationFormat::kInt16:
        store_int16(static_cast<std::int16_t*>(out) + place, q);
        break;
      case ActivationFormat::kUint8:
        store_uint8(static_cast<std::uint8_t*>(out) + place, q);
        break;
      case ActivationFormat::kUint8Planes: {
        std::int16_t whole[16];
        store_int16(whole, q);
        std::uint8_t* low = static_cast<std::uint8_t*>(out) + place;
        std::uint8_t* high = low + static_cast<std::size_t>(rows) * stride;
        for (int j = 0; j < 16; ++j) {
          const int value = whole[j] + 4096;
          low[j] = static_cast<std::uint8_t>(value & 255);
          high[j] = static_cast<std::uint8_t>(value >> 8);
        }
        break;
      }
    }
  }
  if (broken != 0) return __builtin_nanf("");
  return inverse > 0 && inverse <= kFloatMax ? most / static_cast<float>(q_max) : 0.0F;
}
