// The sum of a token's embedding and a position's; see generic.inl.

void embed(const void* token, const void* position, bool half, int n, float* y) {
  for (int i = 0; i < n; i += 16) {
    Vec e = zero();
    Vec p = zero();
    if (half) {
      std::uint16_t lanes[2][16] = {};
      const int count = n - i < 16 ? n - i : 16;
      for (int j = 0; j < count; ++j) {
        lanes[0][j] = static_cast<const std::uint16_t*>(token)[i + j];
        lanes[1][j] = static_cast<const std::uint16_t*>(position)[i + j];
      }
      e = load_half(lanes[0]);
      p = load_half(lanes[1]);
    } else {
      e = load_upto(static_cast<const float*>(token) + i, n - i);
      p = load_upto(static_cast<const float*>(position) + i, n - i);
    }
    store_upto(y + i, add(e, p), n - i);
  }
}
