// Normalisation of a row; see generic.inl.

void layer_norm(const float* x, const float* weight, const float* bias, int n, float epsilon,
                float* y) {
  Vec sum = zero();
  for (int i = 0; i < n; i += 16) sum = add(sum, load_upto(x + i, n - i));
  const float mean = tree_sum(sum) / static_cast<float>(n);
  Vec squares = zero();
  int i = 0;
  for (; i + 16 <= n; i += 16) {
    const Vec d = sub(load(x + i), set1(mean));
    squares = add(squares, mul(d, d));
  }
  if (i < n) {
    float lane[16] = {};
    for (int j = 0; i + j < n; ++j) lane[j] = x[i + j] - mean;
    squares = add(squares, mul(load(lane), load(lane)));
  }
  const float variance = tree_sum(squares) / static_cast<float>(n);
  const float scale = 1.0F / square_root(variance + epsilon);
  for (i = 0; i < n; i += 16) {
    const Vec d = mul(sub(load_upto(x + i, n - i), set1(mean)), set1(scale));
    const Vec v = add(mul(d, load_upto(weight + i, n - i)), load_upto(bias + i, n - i));
    store_upto(y + i, v, n - i);
  }
}
