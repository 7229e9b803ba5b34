// Keys and values in the pages of a cache; see generic.inl.

inline void put(float* place, float value) { *place = value; }
inline void put(std::uint16_t* place, float value) {
  float lane[16] = {value};
  std::uint16_t halves[16];
  store_half(halves, load(lane));
  *place = halves[0];
}

inline Vec load_cached(const float* x) { return load(x); }
inline Vec load_cached(const std::uint16_t* x) { return load_half(x); }

inline void store_cached(float* y, Vec v) { store(y, v); }
inline void store_cached(std::uint16_t* y, Vec v) { store_half(y, v); }

template <typename Element>
inline void store_one(const float* key, const float* value, int head_size, int position, void* keys,
                      void* values) {
  Element* column = static_cast<Element*>(keys) + position;
  const int padded = (head_size + 15) / 16 * 16;
  Element* row = static_cast<Element*>(values) + static_cast<std::ptrdiff_t>(position) * padded;
  for (int i = 0; i < head_size; i += 16) {
    const int count = head_size - i < 16 ? head_size - i : 16;
    Element lane[16];
    store_cached(lane, load_upto(key + i, count));
    for (int j = 0; j < count; ++j) column[static_cast<std::ptrdiff_t>(i + j) * 16] = lane[j];
    store_cached(row + i, load_upto(value + i, count));
  }
}

void store_key_value(CacheType type, const float* key, const float* value, int head_size,
                     int position, void* keys, void* values) {
  if (type == CacheType::kFloat16) {
    store_one<std::uint16_t>(key, value, head_size, position, keys, values);
  } else {
    store_one<float>(key, value, head_size, position, keys, values);
  }
}
