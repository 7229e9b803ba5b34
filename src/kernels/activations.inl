// The activations that are not epilogues, on the Vec that the including file defines; the rules of
// generic.inl apply here too. Exponentials are taken of non-positive numbers, so that they cannot
// overflow, and NaN stays NaN: a possible NaN is vmax()'s second argument.

#include "kernels/vec.inl"

inline Vec at_least(Vec x, float least) { return vmax(set1(least), x); }
inline Vec negative(Vec x) { return sub(zero(), x); }
inline Vec at_most(Vec x, float most) { return negative(at_least(negative(x), -most)); }

// e^-|x|. By itself, exp_of_nonpositive() turns NaN into a number.
inline Vec decay(Vec x) {
  const Vec exponent = at_least(negative(vabs(x)), -100.0F);
  return fma(exponent, zero(), exp_of_nonpositive(exponent));
}

inline Vec sigmoid(Vec x) {
  const Vec e = decay(x);
  const Vec positive = div(set1(1.0F), add(set1(1.0F), e));
  return select_negative(x, mul(positive, e), positive);
}

// The standard normal distribution function, with the relative accuracy of its tail: of a = |x|,
// erfc(a / sqrt 2) / 2 = t P(t) e^(-a^2 / 2), t = 1 / (1 + 0.35 a), the form of Abramowitz and
// Stegun 7.1.26. P is our own minimax fit of the relative error over a in 0 .. 13.3 (least squares
// on 1200 Chebyshev nodes, reweighted as Lawson does); that error is below 3.2e-8, and that of what
// is computed here, in float, below 5e-7.
inline Vec normal_distribution(Vec x) {
  const Vec a = at_most(vabs(x), 20.0F);  // beyond 13.2 the exponential is 0
  const Vec t = div(set1(1.0F), fma(set1(0.35F), a, set1(1.0F)));
  Vec p = set1(-2.911501564e-02F);
  p = fma(p, t, set1(1.438184083e-01F));
  p = fma(p, t, set1(-2.553910017e-01F));
  p = fma(p, t, set1(1.587965637e-01F));
  p = fma(p, t, set1(-2.284342237e-02F));
  p = fma(p, t, set1(1.053921431e-01F));
  p = fma(p, t, set1(1.198630854e-01F));
  p = fma(p, t, set1(1.398575604e-01F));
  p = fma(p, t, set1(1.396216601e-01F));
  // The exponent's rounding would show in the tail: e^-(s + r) = e^-s (1 - r).
  const Vec half = mul(a, set1(0.5F));
  const Vec square = mul(a, half);
  const Vec rest = fma(a, half, negative(square));
  const Vec e = exp_of_nonpositive(negative(square));
  const Vec tail = mul(mul(t, p), sub(e, mul(e, rest)));
  return select_negative(x, tail, sub(set1(1.0F), tail));
}

inline Vec gelu(Vec x) { return mul(x, normal_distribution(x)); }
inline Vec gelu_10(Vec x) { return at_most(at_least(gelu(x), -10.0F), 10.0F); }
inline Vec hard_swish(Vec x) {
  const Vec gate = at_most(at_least(add(x, set1(3.0F)), 0.0F), 6.0F);
  return mul(x, div(gate, set1(6.0F)));
}
inline Vec laplace(Vec x) {
  return normal_distribution(mul(sub(x, set1(0.707107F)), set1(1.0F / 0.282095F)));
}
inline Vec leaky_relu(Vec x) { return select_negative(x, mul(x, set1(0.01F)), x); }

// With n = e^-|x|, tanh(ln(1 + e^x)) = ((1 + e^x)^2 - 1) / ((1 + e^x)^2 + 1) is
// (1 + 2 n) / (1 + 2 n + 2 n^2), or (n^2 + 2 n) / (n^2 + 2 n + 2) below 0.
inline Vec mish(Vec x) {
  const Vec n = decay(x);
  const Vec square = mul(n, n);
  const Vec twice = add(n, n);
  const Vec above = select_negative(x, add(square, twice), add(set1(1.0F), twice));
  const Vec rest = select_negative(x, set1(2.0F), add(square, square));
  return mul(x, div(above, add(above, rest)));
}

inline Vec quick_gelu(Vec x) { return mul(x, sigmoid(mul(x, set1(1.702F)))); }
inline Vec relu_2(Vec x) {
  const Vec positive = at_least(x, 0.0F);
  return mul(positive, positive);
}
inline Vec relu_6(Vec x) { return at_most(at_least(x, 0.0F), 6.0F); }
inline Vec silu(Vec x) { return mul(x, sigmoid(x)); }

// ln(1 + e^x) = max(x, 0) + ln(1 + n), n = e^-|x|, and ln(1 + n) = 2 artanh(s), s = n / (2 + n) up
// to 1 / 3; its odd polynomial is fitted like the one above, to a relative error of 4.5e-9.
inline Vec sqrt_softplus(Vec x) {
  const Vec n = decay(x);
  const Vec s = div(n, add(set1(2.0F), n));
  const Vec square = mul(s, s);
  Vec p = set1(2.801198661e-01F);
  p = fma(p, square, set1(2.800180614e-01F));
  p = fma(p, square, set1(4.002152681e-01F));
  p = fma(p, square, set1(6.666641831e-01F));
  const Vec log = fma(mul(s, square), p, add(s, s));
  float lane[16];
  store(lane, add(at_least(x, 0.0F), log));
  for (float& v : lane) v = square_root(v);
  return load(lane);
}

// (1 - n) / (1 + n), n = e^(-2 |x|); near 0, where 1 - n cancels, an odd polynomial fitted like the
// ones above, to a relative error of 1.5e-8.
inline Vec tanh(Vec x) {
  const Vec a = vabs(x);
  const Vec n = decay(add(x, x));
  const Vec far = div(sub(set1(1.0F), n), add(set1(1.0F), n));
  const Vec square = mul(a, a);
  Vec p = set1(1.724149473e-02F);
  p = fma(p, square, set1(-5.304549634e-02F));
  p = fma(p, square, set1(1.332587898e-01F));
  p = fma(p, square, set1(-3.333314359e-01F));
  const Vec near = fma(mul(a, square), p, a);
  const Vec positive = select_negative(sub(a, set1(0.5F)), near, far);
  return select_negative(x, negative(positive), positive);
}

template <Vec (*Function)(Vec)>
inline void apply(float* y, int n) {
  for (int i = 0; i < n; i += 16) store_upto(y + i, Function(load_upto(y + i, n - i)), n - i);
}

inline void activate(Activation which, float* y, int n) {
  switch (which) {
    case Activation::kGelu:
      return apply<gelu>(y, n);
    case Activation::kGelu10:
      return apply<gelu_10>(y, n);
    case Activation::kHardSwish:
      return apply<hard_swish>(y, n);
    case Activation::kLaplace:
      return apply<laplace>(y, n);
    case Activation::kLeakyRelu:
      return apply<leaky_relu>(y, n);
    case Activation::kMish:
      return apply<mish>(y, n);
    case Activation::kQuickGelu:
      return apply<quick_gelu>(y, n);
    case Activation::kRelu2:
      return apply<relu_2>(y, n);
    case Activation::kRelu6:
      return apply<relu_6>(y, n);
    case Activation::kSigmoid:
      return apply<sigmoid>(y, n);
    case Activation::kSilu:
      return apply<silu>(y, n);
    case Activation::kSqrtSoftplus:
      return apply<sqrt_softplus>(y, n);
    case Activation::kTanh:
      return apply<tanh>(y, n);
  }
}
